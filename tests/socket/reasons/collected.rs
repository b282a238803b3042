//! A subscriber that keeps what is logged by this thread, which runs all of a test.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use tracing::Level;
use tracing::field::{Field, Visit};
use tracing::subscriber::DefaultGuard;

#[derive(Clone, Default)]
pub(super) struct Collected(Arc<Mutex<Vec<Line>>>);

#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) level: Level,
    fields: HashMap<&'static str, String>,
}

impl Collected {
    pub(super) fn start() -> (Self, DefaultGuard) {
        let collected = Self::default();
        let guard = tracing::subscriber::set_default(collected.clone());
        (collected, guard)
    }

    /// All lines with this message so far.
    pub(super) fn of(&self, message: &str) -> Vec<Line> {
        let lines = self.0.lock().unwrap();
        let lines = lines.iter().filter(|it| it.get("message") == message);
        lines.cloned().collect()
    }

    /// All lines at WARN and above so far.
    pub(super) fn warnings(&self) -> Vec<Line> {
        let lines = self.0.lock().unwrap();
        let lines = lines.iter().filter(|it| it.level <= Level::WARN);
        lines.cloned().collect()
    }
}

impl Line {
    /// A field, or nothing if the line lacks it.
    pub(super) fn get(&self, field: &str) -> &str {
        self.fields.get(field).map_or("", String::as_str)
    }

    /// The number of further failures, if the line says one.
    pub(super) fn more(&self) -> Option<u64> {
        self.fields.get("more").map(|more| more.parse().unwrap())
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }
}

impl tracing::Subscriber for Collected {
    fn enabled(&self, it: &tracing::Metadata<'_>) -> bool {
        it.target().starts_with("aiomsg") && *it.level() <= Level::INFO
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = Line {
            level: *event.metadata().level(),
            fields: HashMap::new(),
        };
        event.record(&mut line);
        self.0.lock().unwrap().push(line);
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}
