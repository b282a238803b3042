//! From consumers to producers.

use aiomsg::Outbound;

use super::super::counts::{Loss, add};
use super::{Relay, loss};

impl Relay {
    /// Runs until the backend is closed and empty. Messages of consumers are taken even
    /// without replies: they would fill the inbox, and then no acknowledgement would be
    /// read any more.
    pub(in crate::proxy) async fn back(self) {
        let counts = &self.counts.replies;
        while let Ok(reply) = self.backend.recv_message().await {
            add(&counts.taken);
            let Some(addresses) = &self.addresses else {
                self.counts.lose(counts, Loss::Unasked);
                continue;
            };
            let Some((producer, payload)) = addresses.take_off(reply.payload()) else {
                self.counts.lose(counts, Loss::Unaddressed);
                continue;
            };
            let headers = reply.headers().clone();
            let answer = Outbound::new(payload).to(producer).with_headers(headers);
            match self.frontend.send_message(answer).await {
                Ok(()) => add(&counts.forwarded),
                Err(error) => match loss(&error) {
                    // The frontend is closed before the backend, and replies
                    // in between reach nobody.
                    None => self.counts.lose(counts, Loss::Refused),
                    Some(why) => self.counts.lose(counts, why),
                },
            }
        }
    }
}
