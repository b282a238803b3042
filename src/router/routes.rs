//! The routes of a router, by name.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound::{Included, Unbounded};

use super::check;
use super::route::Route;

/// Handlers by the names of their routes, in the order of the bytes.
#[derive(Clone, Default)]
pub(super) struct Routes(BTreeMap<Vec<u8>, Route>);

impl Routes {
    #[track_caller]
    pub(super) fn add(&mut self, name: &str, route: Route) {
        if let Err(error) = check(name) {
            panic!("the route cannot be used: {error}");
        }
        let before = self.0.insert(name.into(), route);
        assert!(before.is_none(), "the route {name:?} has two handlers");
    }

    pub(super) fn of(&self, name: &str) -> Option<&Route> {
        self.0.get(name.as_bytes())
    }

    /// The longest route that these bytes begin with.
    pub(super) fn of_topic(&self, payload: &[u8]) -> Option<&Route> {
        let mut most = payload;
        loop {
            let up_to = (Unbounded, Included(most));
            let (name, route) = self.0.range::<[u8], _>(up_to).next_back()?;
            if most.starts_with(name) {
                return Some(route);
            }
            // A longer prefix of the payload would be between this name and the payload.
            let shared = name.iter().zip(most).take_while(|(a, b)| a == b).count();
            most = &most[..shared];
        }
    }

    fn names(&self) -> impl Iterator<Item = String> {
        self.0.keys().map(|name| text(name))
    }
}

/// The names were text.
fn text(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

impl IntoIterator for Routes {
    type Item = (String, Route);
    type IntoIter = std::iter::Map<
        std::collections::btree_map::IntoIter<Vec<u8>, Route>,
        fn((Vec<u8>, Route)) -> (String, Route),
    >;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter().map(|(name, route)| (text(&name), route))
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}
