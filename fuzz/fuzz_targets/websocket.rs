#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| aiomsg_fuzz_properties::websocket(input));
