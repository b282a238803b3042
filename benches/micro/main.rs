//! What single pieces cost: `cargo bench -p aiomsg-bench`.

mod codec;
mod queue;
mod distribute;
mod session;
mod topics;

fn main() {
    divan::main();
}
