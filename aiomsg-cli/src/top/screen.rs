//! A proxy on a whole screen.

use std::io;
use std::pin::pin;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::unfold;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph, Row, Sparkline, Table};
use ratatui::{DefaultTerminal, Frame};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};

use super::line::{stored, waiting};
use super::look;
use super::view::{Pressed, View};
use crate::common::failure::{Failure, Outcome};
use crate::common::said::said;
use crate::common::stop::Stop;
use crate::http::url::Url;
use crate::proxy::status::{Side, Status};

/// How often it is looked whether a key was pressed.
const KEYS: Duration = Duration::from_millis(100);

/// Something that has to do with the keyboard.
enum Key {
    Interrupt,
    Code(KeyCode),
    /// The window has another size.
    Redraw,
}

/// Shows it until a key or a signal ends that.
pub(super) async fn run(address: &Url, every: Duration, first: Status, stop: &mut Stop) -> Outcome {
    let failed = |error: io::Error| {
        Failure::failed(format!("the terminal does not take it: {}", said(&error)))
    };
    let mut terminal = ratatui::try_init().map_err(failed)?;
    let shown = stop.unless_asked(show(&mut terminal, address, every, first));
    let shown = shown.await;
    // Also when it failed: the shell is to be as it was. Where the terminal has gone,
    // there is nothing to be restored, and nobody to be told.
    let _ = ratatui::try_restore();
    shown.unwrap_or(Ok(())).map_err(failed)
}

async fn show(
    terminal: &mut DefaultTerminal,
    address: &Url,
    every: Duration,
    mut status: Status,
) -> io::Result<()> {
    let mut keys = keys();
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    let mut trouble = None;
    let mut view = View::default();
    let (paths, wanted) = watch::channel(view.path());
    let mut looks = pin!(unfold((ticks, wanted), async |(mut ticks, mut wanted)| {
        // A key that asks for other peers is not to wait for the next tick.
        tokio::select! {
            _ = ticks.tick() => {}
            Ok(()) = wanted.changed() => {}
        }
        let path = wanted.borrow_and_update().clone();
        Some((look(address, &path).await, (ticks, wanted)))
    }));
    loop {
        terminal.draw(|frame| draw(frame, &status, &view, trouble.as_deref()))?;
        // An answer may be long in coming, and a key is not to wait for it.
        tokio::select! {
            key = keys.recv() => match key {
                Some(Key::Redraw) => {}
                Some(Key::Interrupt) | None => return Ok(()),
                Some(Key::Code(code)) => match view.press(code) {
                    Pressed::Quit => return Ok(()),
                    Pressed::Look => _ = paths.send_replace(view.path()),
                    Pressed::Draw | Pressed::Nothing => {}
                },
            },
            Some(seen) = looks.next() => match seen {
                Ok(new) => (status, trouble) = (new, None),
                // It may come back. The last status stays on the screen.
                Err(failure) => trouble = Some(failure.to_string()),
            },
        }
    }
}

/// The keys typed, from a thread of its own that ends when nobody listens.
fn keys() -> mpsc::Receiver<Key> {
    let (sender, keys) = mpsc::channel(8);
    std::thread::spawn(move || {
        while !sender.is_closed() {
            let key = match event::poll(KEYS) {
                Ok(false) => continue,
                Ok(true) => event::read().ok().and_then(|event| meaning(&event)),
                // There is no terminal any more.
                Err(_) => return,
            };
            if let Some(key) = key
                && sender.blocking_send(key).is_err()
            {
                return;
            }
        }
    });
    keys
}

fn meaning(event: &Event) -> Option<Key> {
    match event {
        Event::Resize(..) => Some(Key::Redraw),
        Event::Key(key) if key.kind == KeyEventKind::Press => {
            let interrupt = key.modifiers.contains(KeyModifiers::CONTROL);
            match key.code {
                KeyCode::Char('c') if interrupt => Some(Key::Interrupt),
                code => Some(Key::Code(code)),
            }
        }
        _ => None,
    }
}

fn draw(frame: &mut Frame<'_>, status: &Status, view: &View, trouble: Option<&str>) {
    let drops: Vec<_> = status.drops.iter().filter(|it| it.count > 0).collect();
    let [head, chart, producers, consumers, dropped, failed, foot] = Layout::vertical([
        Constraint::Length(3 + u16::from(status.spool.is_some())),
        Constraint::Length(7),
        Constraint::Min(4),
        Constraint::Min(4),
        Constraint::Length(2 + drops.len().clamp(1, 5) as u16),
        Constraint::Length(2 + status.reasons.len().clamp(1, 5) as u16),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    frame.render_widget(summary(status), head);
    draw_chart(frame, status, chart);
    frame.render_widget(peers("producers", &status.frontend), producers);
    frame.render_widget(peers("consumers", &status.backend), consumers);
    let lines: Vec<_> = match &drops[..] {
        [] => vec![Line::from("nothing")],
        drops => drops
            .iter()
            .map(|it| {
                Line::from(format!(
                    "{:>10}  {}, {}: {}",
                    it.count, it.side, it.reason, it.means
                ))
            })
            .collect(),
    };
    frame.render_widget(
        Paragraph::new(lines).block(Block::bordered().title(" dropped ")),
        dropped,
    );
    frame.render_widget(failures(status), failed);
    let foot_line = match trouble {
        Some(trouble) => Line::styled(format!("old: {trouble}"), Color::Red),
        None => Line::from(view.help()),
    };
    frame.render_widget(Paragraph::new(foot_line), foot);
}

/// The last reason of each kind of failure.
fn failures(status: &Status) -> Paragraph<'_> {
    let lines: Vec<_> = match &status.reasons[..] {
        [] => vec![Line::from("none")],
        reasons => reasons
            .iter()
            .map(|it| {
                let ago = format!("{} s ago", it.seconds_ago);
                Line::from(format!("{:>10}  {ago:>10}  {}", it.count, it.text()))
            })
            .collect(),
    };
    Paragraph::new(lines).block(Block::bordered().title(" recent failures "))
}

fn summary(status: &Status) -> Paragraph<'_> {
    let color = match &*status.state {
        "running" => Color::Green,
        "paused" => Color::Yellow,
        _ => Color::Red,
    };
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let guarantee = match &status.at_least_once {
        Some(side) => format!("at-least-once ({side})"),
        None => "at-most-once".to_owned(),
    };
    let mut counts = format!(
        "{}/s, {} forwarded, {} waiting, {} unacknowledged",
        status.messages.rate,
        status.messages.forwarded,
        waiting(status),
        status.messages.unacknowledged,
    );
    if status.replies {
        counts += &format!(
            ", replies {}/s, {} forwarded",
            status.answers.rate, status.answers.forwarded
        );
    }
    let why = status
        .not_ready
        .as_deref()
        .filter(|_| status.state == "running");
    let mut lines = vec![
        Line::from(vec![
            Span::styled("aiomsg proxy ", bold),
            Span::styled(status.state.as_str(), bold.fg(color)),
            Span::from(format!(
                "  {}, {guarantee}, up for {} s",
                status.mode, status.uptime_seconds
            )),
        ]),
        Line::from(counts),
    ];
    lines.extend(status.spool.as_ref().map(|it| Line::from(stored(it))));
    lines.push(Line::styled(
        why.map(|why| format!("not ready: {why}"))
            .unwrap_or_default(),
        Color::Yellow,
    ));
    Paragraph::new(lines)
}

fn draw_chart(frame: &mut Frame<'_>, status: &Status, area: Rect) {
    let rates = &status.history.messages;
    let most = rates.iter().copied().fold(0.0, f64::max);
    let title = format!(" messages in a second, at most {most} ");
    let block = Block::bordered().title(title);
    let room = usize::from(block.inner(area).width);
    // The newest, at the right.
    let seen = &rates[rates.len().saturating_sub(room)..];
    let mut bars = vec![0; room - seen.len().min(room)];
    bars.extend(seen.iter().map(|rate| rate.round() as u64));
    let chart = Sparkline::default()
        .data(bars)
        .style(Color::Cyan)
        .block(block);
    frame.render_widget(chart, area);
}

/// The most columns of an identity.
const SHOWN: u16 = 20;

/// An identity as long as its column; a cut one ends with an ellipsis.
fn short(identity: &str) -> String {
    let most = usize::from(SHOWN);
    match identity.chars().count() > most {
        true => identity.chars().take(most - 1).chain(['…']).collect(),
        false => identity.to_owned(),
    }
}

fn peers<'a>(name: &str, side: &'a Side) -> Table<'a> {
    let more = side.peer_count - side.peers.len().min(side.peer_count);
    let title = match more {
        0 => format!(" {} {name} ", side.peer_count),
        more => format!(" {} {name}, {more} of them not shown ", side.peer_count),
    };
    let rows = side.peers.iter().map(|peer| {
        Row::new([
            short(&peer.identity),
            peer.address.clone(),
            peer.dialect.clone(),
            if peer.tls { "yes" } else { "no" }.to_owned(),
            peer.queued_messages.to_string(),
            format!("{}/s", peer.rate),
            (peer.received_messages + peer.sent_messages).to_string(),
        ])
    });
    let widths = [
        Constraint::Length(SHOWN),
        Constraint::Min(16),
        Constraint::Length(7),
        Constraint::Length(3),
        Constraint::Length(8),
        Constraint::Length(10),
        Constraint::Length(12),
    ];
    let bold = Style::new().add_modifier(Modifier::BOLD);
    Table::new(rows, widths)
        .header(
            Row::new([
                "identity", "address", "dialect", "tls", "queue", "rate", "messages",
            ])
            .style(bold),
        )
        .block(Block::bordered().title(title))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::line::example;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    fn drawn(status: &Status, trouble: Option<&str>, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        let view = View::default();
        terminal
            .draw(|frame| draw(frame, status, &view, trouble))
            .unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn all_is_on_the_screen() {
        let screen = drawn(&example(), None, 100, 40);
        for text in [
            "aiomsg proxy running  round-robin, at-most-once, up for 61 s",
            "2.5/s, 11 forwarded, 6 waiting, 0 unacknowledged, replies 2.5/s, 11 forwarded",
            "messages in a second, at most 2.5",
            "3 producers",
            "127.0.0.1:40002",
            "1 consumers",
            "4  proxy, unasked: a consumer sent it",
            "3    12 s ago  backend, refused at tls://127.0.0.1:25002: tls failed",
            "q ends this",
        ] {
            assert!(screen.contains(text), "no {text:?} in\n{screen}");
        }
        let spooled = Status {
            spool: Some(crate::top::line::spool()),
            ..example()
        };
        let screen = drawn(&spooled, None, 120, 40);
        assert!(screen.contains("spool 70 messages, 4480 bytes"), "{screen}");
        let trouble = drawn(&example(), Some("nobody is there"), 100, 40);
        assert!(trouble.contains("old: nobody is there"), "{trouble}");
    }

    /// However small the window is.
    #[test]
    fn it_draws_on_any_screen() {
        for (width, height) in [(1, 1), (20, 5), (80, 24), (300, 100)] {
            drawn(&example(), None, width, height);
        }
    }
}
