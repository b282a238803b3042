//! The limit of publishing: frames are encoded once, and a block of them goes to
//! all connections before the next.

use bytes::Bytes;
use futures::future::try_join_all;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::frames::{BLOCK, push};
use crate::drive::Outlet;
use crate::library::Outcome;

pub(super) struct Publisher {
    streams: Vec<TcpStream>,
    block: Vec<u8>,
}

impl Publisher {
    pub(super) fn new(streams: Vec<TcpStream>) -> Self {
        let block = Vec::with_capacity(2 * BLOCK);
        Self { streams, block }
    }
}

impl Outlet for Publisher {
    #[inline]
    async fn send(&mut self, message: Bytes) -> Outcome {
        if push(&mut self.block, &message) {
            self.flush().await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Outcome {
        let block = self.block.as_slice();
        let writes = self
            .streams
            .iter_mut()
            .map(|stream| stream.write_all(block));
        try_join_all(writes).await?;
        self.block.clear();
        Ok(())
    }
}
