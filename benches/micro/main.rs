//! What single pieces cost: `cargo bench -p aiomsg-bench`.

mod codec;
mod distribute;
mod queue;
mod session;
mod topics;

fn main() {
    divan::main();
}
