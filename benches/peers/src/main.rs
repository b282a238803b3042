//! The comparison of `aiomsg-bench`, with other libraries in it.
//!
//! ```text
//! cargo run --release --manifest-path benches/peers/Cargo.toml
//! ```

mod patterns;

#[cfg(feature = "zmq")]
mod libzmq;
#[cfg(feature = "omq-tokio")]
mod omq_tokio_crate;
#[cfg(feature = "rzmq")]
mod rzmq_crate;
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
    ] as [&'static dyn aiomsg_bench::Library; _]);
    aiomsg_bench::main(&libraries)
}
