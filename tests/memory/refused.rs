//! Connections that are refused, or have ended, and stay for their last bytes.

use std::time::Duration;

use aiomsg::{Delivery, Socket};
use tower::Service;

use crate::{MIB, Memory, Raw, frame, until};

/// 600 stayed at once, each with a task and what it had of its message.
#[test]
fn connections_that_are_turned_away_in_the_middle_of_a_large_message() {
    Memory::measure(async |memory: Memory| {
        let socket = Socket::new().unwrap();
        let endpoint = socket.bind("127.0.0.1:0").await.unwrap();
        // No frame, as it has no type; and a part of a message.
        let mut bytes = b"\0\0\0\0".to_vec();
        bytes.extend((64 * MIB as u32).to_be_bytes());
        bytes.resize(900 << 10, 3);
        let mut peers = Vec::new();
        for nth in 0..600 {
            peers.push(Raw::connect(&endpoint, nth).await);
        }
        let writing = peers.iter_mut().map(|peer| peer.write(&bytes));
        futures::future::join_all(writing).await;
        until(|| socket.stats().peers == 0).await;
        memory.at_most_ever("600 connections that are turned away", 130 * MIB);
    });
}

/// What they had sent waited for the layer, without a bound, each with a task.
#[test]
fn connections_that_have_ended_before_a_layer_took_their_messages() {
    Memory::measure(async |memory: Memory| {
        let socket = Socket::builder()
            .heartbeat_interval(Duration::from_millis(100))
            .receive_layer(tower::layer::layer_fn(Never))
            .build()
            .unwrap();
        let endpoint = socket.bind("127.0.0.1:0").await.unwrap();
        let message = frame(&vec![0; 900 << 10]);
        for nth in 0..600 {
            let mut peer = Raw::connect(&endpoint, nth).await;
            peer.write(&message).await;
            drop(peer);
        }
        // A connection that is not read ends when a heartbeat cannot be sent.
        until(|| socket.stats().connections == 600 && socket.stats().peers == 0).await;
        memory.at_most("600 connections that have ended", 110 * MIB);
    });
}

/// A layer that takes nothing.
#[derive(Clone)]
struct Never<S>(S);

impl<S: Service<Delivery>> Service<Delivery> for Never<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Self::Error>> {
        std::task::Poll::Pending
    }

    fn call(&mut self, message: Delivery) -> Self::Future {
        self.0.call(message)
    }
}
