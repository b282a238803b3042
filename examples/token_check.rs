//! A user's layers around connecting and accepting: a token goes over the
//! fresh byte stream, ahead of the handshake, and a wrong token is refused.
//! (Without TLS, anybody who listens on the way can read it.)
//!
//! ```text
//! cargo run --example token_check [ADDRESS]
//! ```

use aiomsg::layer::Io;
use aiomsg::{Error, ErrorKind, Event, Socket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::util::AndThenLayer;

type Token = [u8; 16];

/// Sends the token: the first step of the connecting end.
async fn show(token: Token, mut io: Io) -> Result<Io, Error> {
    io.write_all(&token).await?;
    io.flush().await?;
    Ok(io)
}

/// Checks the token: the first step of the accepting end. The socket's
/// `handshake_timeout` bounds it.
async fn ask(token: Token, mut io: Io) -> Result<Io, Error> {
    let mut shown = Token::default();
    io.read_exact(&mut shown).await?;
    // The comparison looks at all bytes, so its duration says nothing about the
    // token.
    let differences = token.iter().zip(shown).fold(0, |or, (a, b)| or | (a ^ b));
    match differences {
        0 => Ok(io),
        _ => Err(Error::new(ErrorKind::Layer).with_reason("the peer has shown a wrong token")),
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("127.0.0.1:25000");
    let (right, wrong) = (*b"open, o sesame!!", *b"open, o barley!!");

    // tower has a layer that applies a function to what a service returns, here
    // to each byte stream.
    let asks = AndThenLayer::new(move |io| ask(right, io));
    let server = Socket::builder().accept_layer(asks).build()?;
    let endpoint = server.bind(address).await?;
    let mut events = server.events();

    let mut clients = Vec::new();
    for (token, name) in [(right, "a friend"), (wrong, "a stranger")] {
        let shows = AndThenLayer::new(move |io| show(token, io));
        let client = Socket::builder().dial_layer(shows).build()?;
        client.connect(endpoint.clone())?;
        client.send_text(format!("from {name}")).await?;
        clients.push(client);
    }

    println!("received {}", server.recv_text().await?);
    while let Some(event) = events.next().await {
        if let Event::AcceptFailed { error, .. } = event {
            println!("refused: {}", error.chain());
            break;
        }
    }
    Ok(())
}
