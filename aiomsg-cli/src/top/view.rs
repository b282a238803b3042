//! Which peers are shown, and in which order.

use ratatui::crossterm::event::KeyCode;

/// The columns that can be sorted by, by their names in the dashboard's API.
const COLUMNS: [&str; 7] = [
    "queue",
    "rate",
    "received",
    "sent",
    "connected",
    "identity",
    "address",
];

/// The longest text to look for, in characters.
const LONGEST: usize = 40;

/// What the keys have chosen.
#[derive(Debug, Default, PartialEq)]
pub(super) struct View {
    column: usize,
    reversed: bool,
    contains: String,
    /// The text is being typed.
    typing: bool,
}

/// What a key does.
#[derive(Debug, PartialEq)]
pub(super) enum Pressed {
    Quit,
    /// Other peers are wanted.
    Look,
    /// The line at the foot is another one.
    Draw,
    Nothing,
}

impl View {
    pub(super) fn press(&mut self, key: KeyCode) -> Pressed {
        if self.typing {
            return self.edit(key);
        }
        match key {
            KeyCode::Char('q') | KeyCode::Esc => return Pressed::Quit,
            KeyCode::Char('s') => self.column = (self.column + 1) % COLUMNS.len(),
            KeyCode::Char('r') => self.reversed = !self.reversed,
            KeyCode::Char('/') => {
                self.typing = true;
                self.contains.clear();
            }
            _ => return Pressed::Nothing,
        }
        Pressed::Look
    }

    fn edit(&mut self, key: KeyCode) -> Pressed {
        match key {
            KeyCode::Enter => {
                self.typing = false;
                return Pressed::Draw;
            }
            KeyCode::Esc => {
                self.typing = false;
                self.contains.clear();
            }
            KeyCode::Backspace => _ = self.contains.pop(),
            KeyCode::Char(letter) if self.contains.chars().count() < LONGEST => {
                self.contains.push(letter);
            }
            _ => return Pressed::Nothing,
        }
        Pressed::Look
    }

    /// The path of the status with these peers.
    pub(super) fn path(&self) -> String {
        if *self == Self::default() {
            return "/api/status".to_owned();
        }
        let mut query = form_urlencoded::Serializer::new(String::new());
        let column = COLUMNS[self.column];
        query.append_pair("sort", column);
        if self.reversed {
            let is_text = ["identity", "address"].contains(&column);
            query.append_pair("order", if is_text { "desc" } else { "asc" });
        }
        if !self.contains.is_empty() {
            query.append_pair("contains", &self.contains);
        }
        format!("/api/status?{}", query.finish())
    }

    /// The line at the foot.
    pub(super) fn help(&self) -> String {
        if self.typing {
            return format!(
                "peers with: {}_   Enter keeps it, Esc shows all",
                self.contains
            );
        }
        let column = COLUMNS[self.column];
        let reversed = if self.reversed { ", reversed" } else { "" };
        let contains = match &*self.contains {
            "" => String::new(),
            contains => format!(", peers with {contains:?}"),
        };
        format!("q ends this, s sorts (by {column}{reversed}), r reverses, / finds{contains}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(view: &mut View, keys: &str) -> Vec<Pressed> {
        keys.chars()
            .map(|it| view.press(KeyCode::Char(it)))
            .collect()
    }

    #[test]
    fn keys_sort_and_reverse() {
        let mut view = View::default();
        assert_eq!(view.path(), "/api/status");
        assert_eq!(typed(&mut view, "sr"), [Pressed::Look, Pressed::Look]);
        assert_eq!(view.path(), "/api/status?sort=rate&order=asc");
        typed(&mut view, "ssss");
        assert_eq!(view.path(), "/api/status?sort=identity&order=desc");
        assert!(
            view.help().contains("by identity, reversed"),
            "{}",
            view.help()
        );
        typed(&mut view, "rss");
        assert_eq!(view, View::default());
        assert_eq!(view.press(KeyCode::Up), Pressed::Nothing);
        assert_eq!(typed(&mut view, "q"), [Pressed::Quit]);
    }

    /// Letters of the text are no keys, and the text is bounded.
    #[test]
    fn a_text_finds_peers() {
        let mut view = View::default();
        typed(&mut view, "/q s&r");
        assert_eq!(view.path(), "/api/status?sort=queue&contains=q+s%26r");
        view.press(KeyCode::Backspace);
        assert_eq!(view.press(KeyCode::Enter), Pressed::Draw);
        assert!(
            view.help().ends_with("/ finds, peers with \"q s&\""),
            "{}",
            view.help()
        );
        typed(&mut view, "/");
        typed(&mut view, &"x".repeat(100));
        assert_eq!(view.contains.len(), LONGEST);
        assert_eq!(view.press(KeyCode::Esc), Pressed::Look);
        assert_eq!(view, View::default());
    }
}
