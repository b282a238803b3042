//! Frames to bytes and back, in both dialects.

use aiomsg::builder::Dialect;
use aiomsg::layer::Frame;
use aiomsg::parts::transport::codec::FrameCodec;
use bytes::{Bytes, BytesMut};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use tokio_util::codec::{Decoder, Encoder};

const SIZES: [usize; 3] = [64, 1 << 10, 64 << 10];

const BLOCK: usize = 128 << 10;

/// As many frames as a block has room for.
fn frames(size: usize) -> usize {
    (BLOCK / size).max(1)
}

fn wire(dialect: Dialect, size: usize) -> BytesMut {
    let mut codec = FrameCodec::new(dialect);
    let mut wire = BytesMut::new();
    for _ in 0..frames(size) {
        let frame = Frame::data(Bytes::from(vec![b'x'; size]));
        codec
            .encode(frame, &mut wire)
            .expect("frames of this size are fine");
    }
    wire
}

fn encode(bencher: Bencher<'_, '_>, dialect: Dialect, size: usize) {
    let payload = Bytes::from(vec![b'x'; size]);
    let mut wire = wire(dialect, size);
    bencher
        .counter(ItemsCount::new(frames(size)))
        .bench_local(|| {
            let mut codec = FrameCodec::new(dialect);
            wire.clear();
            for _ in 0..frames(size) {
                let frame = Frame::data(black_box(&payload).clone());
                codec
                    .encode(frame, &mut wire)
                    .expect("frames of this size are fine");
            }
        });
}

#[divan::bench(args = SIZES)]
fn encode_v1(bencher: Bencher<'_, '_>, size: usize) {
    encode(bencher, Dialect::V1, size);
}

#[divan::bench(args = SIZES)]
fn encode_2019(bencher: Bencher<'_, '_>, size: usize) {
    encode(bencher, Dialect::V2019, size);
}

fn decode(bencher: Bencher<'_, '_>, dialect: Dialect, size: usize) {
    let wire = wire(dialect, size);
    bencher
        .counter(ItemsCount::new(frames(size)))
        .with_inputs(|| wire.clone())
        .bench_local_values(|mut wire| {
            let mut codec = FrameCodec::new(dialect);
            while let Some(frame) = codec.decode(&mut wire).expect("it is well-formed") {
                black_box(frame);
            }
            wire
        });
}

#[divan::bench(args = SIZES)]
fn decode_v1(bencher: Bencher<'_, '_>, size: usize) {
    decode(bencher, Dialect::V1, size);
}

#[divan::bench(args = SIZES)]
fn decode_2019(bencher: Bencher<'_, '_>, size: usize) {
    decode(bencher, Dialect::V2019, size);
}

/// The bytes come in reads of the size of a packet, so that frames are cut.
#[divan::bench(args = SIZES)]
fn decode_v1_split_in_reads(bencher: Bencher<'_, '_>, size: usize) {
    let wire = wire(Dialect::V1, size);
    bencher
        .counter(ItemsCount::new(frames(size)))
        .bench_local(|| {
            let mut codec = FrameCodec::new(Dialect::V1);
            let mut buffer = BytesMut::with_capacity(wire.len());
            for read in wire.chunks(1448) {
                buffer.extend_from_slice(read);
                while let Some(frame) = codec.decode(&mut buffer).expect("it is well-formed") {
                    black_box(frame);
                }
            }
        });
}
