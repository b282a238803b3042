//! A consumer of jobs that connects to any number of `jobcreator`s or `proxy`s.
//!
//! ```text
//! cargo run --example worker [ADDRESS]...
//! PROXY_HOSTNAMES="px1.example.com;px2.example.com" cargo run --example worker
//! ```
//!
//! The default port of PROXY_HOSTNAMES is 25002. Without arguments and names, it
//! connects to a `jobcreator` at 127.0.0.1:25001.

use std::error::Error;
use std::time::Duration;

use aiomsg::Socket;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let count: u64 = std::env::var("COUNT").map_or(Ok(u64::MAX), |n| n.parse())?;

    // One socket receives the jobs of all connections.
    let socket = Socket::new()?;
    for address in addresses() {
        socket.connect(&address)?;
        println!("connecting to {address}");
    }

    let mut jobs = 0;
    let work = async {
        while jobs < count {
            do_job(&socket.recv_text().await?);
            jobs += 1;
        }
        Ok::<_, Box<dyn Error>>(())
    };
    tokio::select! {
        worked = work => worked?,
        stop = tokio::signal::ctrl_c() => stop?,
    }

    // No other consumer gets the jobs that were sent to us. Receiving while the
    // socket closes makes room for those that are still to come.
    let rest = async {
        while let Ok(job) = socket.recv_text().await {
            do_job(&job);
            jobs += 1;
        }
    };
    tokio::join!(rest, socket.close(Duration::from_secs(5)));
    println!("closed, {jobs} jobs done");
    Ok(())
}

fn do_job(job: &str) {
    println!("did {job}");
}

/// The addresses of the arguments, or else of PROXY_HOSTNAMES.
fn addresses() -> Vec<String> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if !arguments.is_empty() {
        return arguments;
    }
    let Ok(hosts) = std::env::var("PROXY_HOSTNAMES") else {
        return vec!["127.0.0.1:25001".to_owned()];
    };
    let address = |host: &str| match host.contains(':') {
        true => host.to_owned(),
        false => format!("{host}:25002"),
    };
    hosts.split(';').map(address).collect()
}
