//! What the compiler says of the likeliest mistakes with layers: short, and what
//! to do about it.
//!
//! The files beside this one are programs that do not compile, each with what
//! the compiler of the checks says of it, word for word; others have other words.
//! After a change that is meant, `TRYBUILD=overwrite cargo test -p
//! aiomsg-compile-errors` writes them again; read them.

#[test]
fn errors_are_short_and_say_what_to_do() {
    trybuild::TestCases::new().compile_fail("mistakes/*.rs");
}
