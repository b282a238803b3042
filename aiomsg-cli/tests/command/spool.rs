//! `aiomsg spool`: a store is looked into, and mended.

mod damage;
mod many;
mod mend;
mod read;
mod refused;
mod support;
