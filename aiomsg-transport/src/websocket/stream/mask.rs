/// The mask of a frame's payload, at the position that was reached.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mask([u8; 4]);

impl Mask {
    pub(super) fn new(key: [u8; 4]) -> Self {
        Self(key)
    }

    /// A new one. RFC 6455 wants it to be unpredictable (section 10.3), so that nobody who
    /// chooses the payload chooses the bytes on the wire. It is of the thread's generator, a
    /// stream cipher (ChaCha) with a key from the system: who has seen keys cannot tell the
    /// next, and none asks the system.
    pub(super) fn random() -> Self {
        Self(rand::random())
    }

    pub(super) fn key(self) -> [u8; 4] {
        self.0
    }

    /// Masks or unmasks the next bytes.
    pub(super) fn apply(&mut self, bytes: &mut [u8]) {
        let [a, b, c, d] = self.0;
        let key = [a, b, c, d, a, b, c, d];
        // The compiler makes wide instructions of it.
        let (eights, rest) = bytes.as_chunks_mut::<8>();
        for eight in eights {
            *eight = (u64::from_ne_bytes(*eight) ^ u64::from_ne_bytes(key)).to_ne_bytes();
        }
        for (byte, key) in rest.iter_mut().zip(key) {
            *byte ^= key;
        }
        self.0.rotate_left(rest.len() % 4);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 6455, section 5.7.
    #[test]
    fn hello_is_masked_as_in_the_rfc() {
        let mut bytes = *b"Hello";
        Mask::new([0x37, 0xfa, 0x21, 0x3d]).apply(&mut bytes);
        assert_eq!(bytes, [0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    }

    #[test]
    fn any_pieces_are_masked_alike() {
        let plain: Vec<u8> = (0..100).collect();
        let mut whole = plain.clone();
        Mask::new([1, 2, 3, 4]).apply(&mut whole);
        for size in 1..20 {
            let mut mask = Mask::new([1, 2, 3, 4]);
            let mut pieces = plain.clone();
            pieces.chunks_mut(size).for_each(|it| mask.apply(it));
            assert_eq!(pieces, whole, "pieces of {size}");
        }
    }
}
