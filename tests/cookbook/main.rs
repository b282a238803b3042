//! The cookbook: each recipe is run as a reader would run it, with the
//! programs of the folder `examples`, each in a process of its own.
#![cfg(unix)] // Programs are ended with Ctrl-C, which is a signal there.

mod program;

mod by_hand;
mod clock;
mod echo;
mod jobs;
mod jobs_of_two;
mod layers_of_ones_own;
mod main_job;
#[cfg(feature = "metrics")]
mod metrics_exporter;
#[cfg(feature = "tls")]
mod mutual_tls;
mod proxy;
mod publish;
mod relay_and_reply;
mod requests;
mod router;
mod send_once;
mod three_proxies;
mod topics;
mod work;
