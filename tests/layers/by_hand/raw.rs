//! A peer of bytes.

use super::*;

/// A peer that speaks the bytes of dialect v1.
pub(super) struct Raw(pub(super) TcpStream);

impl Raw {
    /// Connects, and shakes hands under this identity.
    pub(super) async fn connect(endpoint: &Endpoint, identity: &[u8; 16]) -> Self {
        let port = endpoint.port().unwrap();
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let hello = [&b"\0\0\0\x12\x01\x01"[..], identity].concat();
        stream.write_all(&hello).await.unwrap();
        let mut theirs = [0; 22];
        within("the hello", stream.read_exact(&mut theirs))
            .await
            .unwrap();
        assert_eq!(theirs[..6], hello[..6]);
        Self(stream)
    }

    /// Reads a message that asks for an acknowledgement: its id, and its text.
    pub(super) async fn request(&mut self) -> ([u8; 16], String) {
        loop {
            let mut length = [0; 4];
            within("a frame", self.0.read_exact(&mut length))
                .await
                .unwrap();
            let mut body = vec![0; u32::from_be_bytes(length) as usize];
            within("its body", self.0.read_exact(&mut body))
                .await
                .unwrap();
            if body[0] == 4 {
                return (body[1..17].try_into().unwrap(), text(&body[17..]));
            }
        }
    }

    pub(super) async fn acknowledge(&mut self, id: &[u8; 16]) {
        let ack = [&b"\0\0\0\x11\x05"[..], id].concat();
        self.0.write_all(&ack).await.unwrap();
    }

    /// Reads until the other end closes.
    pub(super) async fn closed(&mut self) {
        let mut rest = Vec::new();
        // A reset is an end, too.
        let _ = within("the end", self.0.read_to_end(&mut rest)).await;
    }
}
