use slab::Slab;

/// The neighbours of an entry in a list.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Links {
    before: Option<usize>,
    after: Option<usize>,
}

#[cfg(test)]
impl Links {
    pub(super) fn after(self) -> Option<usize> {
        self.after
    }
}

/// The entries of a list, by their place in a slab.
pub(super) trait Linked<const LIST: usize> {
    fn links(&mut self) -> &mut Links;
}

/// A list of entries of a slab, by their links: any of them is taken out in one
/// step.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct List<const LIST: usize> {
    first: Option<usize>,
    last: Option<usize>,
}

impl<const LIST: usize> List<LIST> {
    pub(super) fn first(&self) -> Option<usize> {
        self.first
    }

    pub(super) fn push_back(&mut self, slab: &mut Slab<impl Linked<LIST>>, at: usize) {
        *slab[at].links() = Links {
            before: self.last,
            after: None,
        };
        match self.last {
            Some(last) => slab[last].links().after = Some(at),
            None => self.first = Some(at),
        }
        self.last = Some(at);
    }

    /// Takes an entry out of this list.
    pub(super) fn remove(&mut self, slab: &mut Slab<impl Linked<LIST>>, at: usize) {
        let Links { before, after } = std::mem::take(slab[at].links());
        match before {
            Some(before) => slab[before].links().after = after,
            None => self.first = after,
        }
        match after {
            Some(after) => slab[after].links().before = before,
            None => self.last = before,
        }
    }
}
