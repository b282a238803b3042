//! One connection through a proxy.

use std::io;
use std::sync::Mutex;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::plan::Cut;
use crate::world::lock;

/// The end that dialled is side 0 of a connection, and the other one is side 1.
pub(crate) struct Connection {
    orders: watch::Sender<Orders>,
    state: Mutex<State>,
    began: Instant,
}

#[derive(Debug, Clone, Copy, Default)]
struct Orders {
    cut: Option<Cut>,
    /// No more bytes at a time, and a pause in between.
    narrow: Option<(usize, Duration)>,
    stalled: [bool; 2],
    /// Ends when so many bytes have passed from this side.
    cut_at: [Option<(usize, Cut)>; 2],
}

#[derive(Default)]
struct State {
    /// What was handed on, from either side.
    passed: [Vec<u8>; 2],
    /// Which sides have ended in good order.
    ended: [bool; 2],
    is_over: bool,
    touched: Option<Instant>,
}

/// The most bytes that are handed on at once.
const CHUNK: usize = 16 << 10;

/// As long as a greeting takes, and longer, whoever else has work on the machine.
const GREETING: Duration = Duration::from_millis(300);

impl Connection {
    pub(super) fn new(narrow: Option<(usize, Duration)>) -> Self {
        let orders = Orders {
            narrow,
            ..Orders::default()
        };
        Self {
            orders: watch::channel(orders).0,
            state: Mutex::default(),
            began: Instant::now(),
        }
    }

    pub(super) fn is_up(&self) -> bool {
        !lock(&self.state).is_over
    }

    /// Both have said who they are, and more.
    pub(super) fn is_greeted(&self) -> bool {
        let state = lock(&self.state);
        self.began.elapsed() > GREETING && state.passed.iter().all(|it| it.len() > 100)
    }

    /// When something was first done to it, if ever.
    pub(crate) fn touched(&self) -> Option<Instant> {
        lock(&self.state).touched
    }

    /// What was handed on from one side, if both have ended in good order, and nothing
    /// was done to it.
    pub(crate) fn whole(&self, side: usize) -> Option<Vec<u8>> {
        let state = lock(&self.state);
        let whole = state.ended == [true; 2] && state.touched.is_none();
        whole.then(|| state.passed[side].clone())
    }

    fn touch(&self) {
        let mut state = lock(&self.state);
        if !state.is_over {
            state.touched.get_or_insert_with(Instant::now);
        }
    }

    pub(super) fn cut(&self, how: Cut) {
        self.touch();
        self.orders.send_modify(|orders| orders.cut = Some(how));
    }

    pub(super) fn cut_after(&self, side: usize, bytes: usize, how: Cut) {
        let at = lock(&self.state).passed[side].len() + bytes;
        self.orders
            .send_modify(|orders| orders.cut_at[side] = Some((at, how)));
    }

    /// From now on, nothing goes wrong.
    pub(super) fn heal(&self) {
        self.orders.send_modify(|orders| {
            let cut = orders.cut;
            *orders = Orders {
                cut,
                ..Orders::default()
            };
        });
    }

    pub(super) fn stall(&self, sides: [bool; 2]) {
        if sides != [false; 2] {
            self.touch();
        }
        self.orders.send_modify(|orders| orders.stalled = sides);
    }

    /// Hands bytes on until both sides have ended, or it is cut.
    pub(super) async fn relay(&self, mut near: TcpStream, mut far: TcpStream) {
        let how = {
            let (from_near, to_near) = near.split();
            let (from_far, to_far) = far.split();
            let both = async {
                let there = self.pump(0, from_near, to_far);
                let back = self.pump(1, from_far, to_near);
                tokio::try_join!(there, back)
            };
            tokio::select! {
                how = self.is_cut() => Some(how),
                result = both => match result {
                    Ok(_) => None,
                    // One end has reset it, and the other one is to know.
                    Err(_) => Some(Cut::Reset),
                },
            }
        };
        lock(&self.state).is_over = true;
        let (resets_near, resets_far) = match how {
            Some(Cut::Reset) => (true, true),
            Some(Cut::ResetDialler) => (true, false),
            Some(Cut::ResetBinder) => (false, true),
            Some(Cut::End) | None => (false, false),
        };
        for (resets, stream) in [(resets_near, &near), (resets_far, &far)] {
            if resets {
                let _ = stream.set_zero_linger();
            }
        }
    }

    async fn is_cut(&self) -> Cut {
        let mut orders = self.orders.subscribe();
        let cut = orders.wait_for(|orders| orders.cut.is_some()).await;
        cut.ok().and_then(|orders| orders.cut).unwrap_or(Cut::Reset)
    }

    async fn pump(
        &self,
        side: usize,
        mut from: ReadHalf<'_>,
        mut to: WriteHalf<'_>,
    ) -> io::Result<()> {
        let mut orders = self.orders.subscribe();
        let mut buffer = vec![0; CHUNK];
        loop {
            let _ = orders.wait_for(|orders| !orders.stalled[side]).await;
            let narrow = orders.borrow().narrow;
            let (chunk, pause) = narrow.unwrap_or((CHUNK, Duration::ZERO));
            let count = from.read(&mut buffer[..chunk]).await?;
            // What was on its way as it stalled has not arrived either.
            let _ = orders.wait_for(|orders| !orders.stalled[side]).await;
            let cut_at = self.orders.borrow().cut_at[side];
            let passed = lock(&self.state).passed[side].len();
            let room = cut_at.map_or(count, |(at, _)| at.saturating_sub(passed).min(count));
            to.write_all(&buffer[..room]).await?;
            lock(&self.state).passed[side].extend_from_slice(&buffer[..room]);
            if let Some((_, how)) = cut_at.filter(|_| room < count) {
                self.cut(how);
                return std::future::pending().await;
            }
            if count == 0 {
                to.shutdown().await?;
                lock(&self.state).ended[side] = true;
                return Ok(());
            }
            if !pause.is_zero() {
                sleep(pause).await;
            }
        }
    }
}
