/// Things under small numbers, which are used again.
#[derive(Debug)]
pub(super) struct Slots<T> {
    slots: Vec<Option<T>>,
    free: Vec<usize>,
}

impl<T> Slots<T> {
    pub(super) fn insert(&mut self, thing: T) -> usize {
        let number = self.free.pop().unwrap_or(self.slots.len());
        match self.slots.get_mut(number) {
            Some(slot) => *slot = Some(thing),
            None => self.slots.push(Some(thing)),
        }
        number
    }

    pub(super) fn remove(&mut self, number: usize) -> Option<T> {
        let thing = self.slots.get_mut(number)?.take()?;
        self.free.push(number);
        Some(thing)
    }

    pub(super) fn get_mut(&mut self, number: usize) -> Option<&mut T> {
        self.slots.get_mut(number)?.as_mut()
    }

    /// All, by number: `None` where there is none.
    pub(super) fn iter(&self) -> impl Iterator<Item = Option<&T>> {
        self.slots.iter().map(Option::as_ref)
    }

    pub(super) fn get(&self, number: usize) -> Option<&T> {
        self.slots.get(number)?.as_ref()
    }
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
        }
    }
}
