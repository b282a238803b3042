//! Connections, without any handshake.

use tokio::net::{TcpListener, TcpStream};

use crate::library::{Failure, Job};
use crate::parent::Parent;

/// Connects as often as the job says, or binds and accepts as often.
pub(super) async fn open(job: &Job, parent: &Parent) -> Result<Vec<TcpStream>, Failure> {
    let mut streams = Vec::with_capacity(job.peers);
    match &job.address {
        Some(address) => {
            for _ in 0..job.peers {
                streams.push(TcpStream::connect(address).await?);
            }
        }
        None => {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            parent.listening(listener.local_addr()?);
            for _ in 0..job.peers {
                streams.push(listener.accept().await?.0);
            }
        }
    }
    for stream in &streams {
        stream.set_nodelay(true)?;
    }
    Ok(streams)
}
