use std::collections::BTreeSet;
use std::mem::take;

/// Prefixes, and their subscribers, by number.
///
/// A tree over bytes, where the bytes between two forks are kept together. One walk down, over
/// as many bytes of a message as the longest prefix has, finds its subscribers, however many
/// peers and prefixes there are. Sorted prefixes would need a search for each match, and a hash
/// table one for each length, of which a peer could make as many as it likes.
///
/// Every node but the root has a subscriber or forks, so there are fewer than twice as many
/// nodes as prefixes.
#[derive(Default)]
pub(super) struct Tree {
    root: Node,
}

#[derive(Default)]
struct Node {
    /// The bytes between the node above and this one: none for the root only.
    label: Box<[u8]>,
    /// A set with cheap insertion and removal, since a popular prefix may have tens of
    /// thousands.
    numbers: BTreeSet<usize>,
    /// Sorted by the first byte of the label, which is different in each.
    children: Vec<Node>,
}

impl Tree {
    /// Appends the numbers of all subscribers to a prefix of `message`, once for each such
    /// prefix.
    pub(super) fn find(&self, message: &[u8], found: &mut Vec<usize>) {
        let mut node = &self.root;
        let mut rest = message;
        loop {
            found.extend(&node.numbers);
            let Ok(position) = node.position(rest) else {
                return;
            };
            let child = &node.children[position];
            let Some(behind) = rest.strip_prefix(&*child.label) else {
                return;
            };
            (node, rest) = (child, behind);
        }
    }

    pub(super) fn insert(&mut self, prefix: &[u8], number: usize) {
        let mut node = &mut self.root;
        let mut rest = prefix;
        while !rest.is_empty() {
            match node.position(rest) {
                Ok(position) => {
                    let child = &mut node.children[position];
                    let same = common(&child.label, rest);
                    if same < child.label.len() {
                        child.split(same);
                    }
                    (node, rest) = (child, &rest[same..]);
                }
                Err(position) => {
                    let leaf = Node {
                        label: rest.into(),
                        ..Node::default()
                    };
                    node.children.insert(position, leaf);
                    (node, rest) = (&mut node.children[position], &[]);
                }
            }
        }
        node.numbers.insert(number);
    }

    pub(super) fn remove(&mut self, prefix: &[u8], number: usize) {
        if prefix.is_empty() {
            self.root.numbers.remove(&number);
            return;
        }
        let mut node = &mut self.root;
        let mut rest = prefix;
        while let Ok(position) = node.position(rest) {
            let child = &mut node.children[position];
            let Some(behind) = rest.strip_prefix(&*child.label) else {
                return;
            };
            if behind.is_empty() {
                child.numbers.remove(&number);
                if child.is_idle() {
                    node.children.remove(position);
                    trim(&mut node.children);
                    node.join();
                } else {
                    child.join();
                }
                return;
            }
            (node, rest) = (&mut node.children[position], behind);
        }
    }

    #[cfg(test)]
    pub(super) fn nodes(&self) -> usize {
        let mut nodes = vec![&self.root];
        let mut count = 0;
        while let Some(node) = nodes.pop() {
            count += 1;
            nodes.extend(&node.children);
        }
        count
    }
}

impl Node {
    /// The position of the child whose label begins as `rest` does, or where it would be.
    fn position(&self, rest: &[u8]) -> Result<usize, usize> {
        let first = rest.first();
        self.children
            .binary_search_by(|child| child.label.first().cmp(&first))
    }

    /// Leaves the first bytes of the label here, and puts a node below with the
    /// others and all the rest.
    fn split(&mut self, at: usize) {
        let (front, back) = self.label.split_at(at);
        let (front, back) = (front.into(), back.into());
        let below = Node {
            label: back,
            numbers: take(&mut self.numbers),
            children: take(&mut self.children),
        };
        self.label = front;
        self.children = vec![below];
    }

    /// Takes an only child in, unless the node is needed for itself.
    fn join(&mut self) {
        if self.label.is_empty() || !self.numbers.is_empty() || self.children.len() != 1 {
            return;
        }
        if let Some(child) = self.children.pop() {
            self.label = [&*self.label, &*child.label].concat().into();
            self.numbers = child.numbers;
            self.children = child.children;
        }
    }

    fn is_idle(&self) -> bool {
        self.numbers.is_empty() && self.children.is_empty()
    }
}

/// One node after the other: a tree may be as deep as its longest prefix, and
/// the stack is not.
impl Drop for Tree {
    fn drop(&mut self) {
        let mut nodes = take(&mut self.root.children);
        while let Some(mut node) = nodes.pop() {
            nodes.append(&mut node.children);
        }
    }
}

fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// Frees memory that is not needed any more.
fn trim<T>(items: &mut Vec<T>) {
    if items.len() < items.capacity() / 4 {
        items.shrink_to(items.len() * 2);
    }
}
