//! The comparison of `aiomsg-bench`, with other libraries in it.
//!
//! ```text
//! cargo run --release --manifest-path benches/peers/Cargo.toml
//! ```

#[cfg(feature = "async-nats")]
mod async_nats_crate;
#[cfg(feature = "zmq")]
mod libzmq;
#[cfg(feature = "msg-rs")]
mod msg_rs;
#[cfg(feature = "async-nats")]
mod nats_server;
#[cfg(feature = "omq-tokio")]
mod omq_tokio_crate;
#[cfg(any(
    feature = "zmq",
    feature = "rzmq",
    feature = "zeromq",
    feature = "omq-tokio"
))]
mod patterns;
#[cfg(feature = "rzmq")]
mod rzmq_crate;
#[cfg(feature = "tonic")]
mod tonic_crate;
#[cfg(feature = "zeromq")]
mod zeromq_crate;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut libraries = aiomsg_bench::libraries();
    libraries.extend([
        #[cfg(feature = "zmq")]
        patterns::library::<libzmq::Libzmq>(),
        #[cfg(feature = "rzmq")]
        patterns::library::<rzmq_crate::Rzmq>(),
        #[cfg(feature = "zeromq")]
        patterns::library::<zeromq_crate::Zeromq>(),
        #[cfg(feature = "omq-tokio")]
        patterns::library::<omq_tokio_crate::OmqTokio>(),
        #[cfg(feature = "async-nats")]
        &async_nats_crate::AsyncNats,
        #[cfg(feature = "tonic")]
        &tonic_crate::Tonic,
        #[cfg(feature = "msg-rs")]
        &msg_rs::MsgRs,
    ] as [&'static dyn aiomsg_bench::Library; _]);
    aiomsg_bench::main(&libraries)
}
