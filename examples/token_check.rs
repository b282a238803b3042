//! Layers of one's own around connecting and accepting: a token goes over the
//! fresh byte stream, ahead of the handshake, and who shows a wrong one is
//! refused. (Without TLS, whoever listens on the way can read it.)
//!
//! ```text
//! cargo run --example token_check [ADDRESS]
//! ```

use aiomsg::transport::Io;
use aiomsg::{Error, ErrorKind, Event, Socket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::util::AndThenLayer;

type Token = [u8; 16];

/// What the end that connects does first.
async fn show(token: Token, mut io: Io) -> Result<Io, Error> {
    io.write_all(&token).await?;
    io.flush().await?;
    Ok(io)
}

/// What the end that accepts does first. How long it may take is for the
/// `handshake_timeout` of the socket to say.
async fn ask(token: Token, mut io: Io) -> Result<Io, Error> {
    let mut shown = Token::default();
    io.read_exact(&mut shown).await?;
    // All bytes are looked at, whichever differs: the time it takes tells
    // nothing about the token.
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

    // A service of byte streams, and then a function of each stream: for that
    // tower has a layer.
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
            println!("refused: {error}");
            break;
        }
    }
    Ok(())
}
