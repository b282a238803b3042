//! Headers of messages, as options and as JSON.

use aiomsg::message::{HeaderLimits, Headers};
use clap::Args;
use serde::{Serialize, Serializer};

use super::failure::{Failure, Outcome};

/// The headers of all messages.
#[derive(Debug, Args)]
pub(crate) struct HeaderArgs {
    /// Sends this header with each message; may be repeated. Peers of the 2019
    /// dialect get messages without headers.
    #[arg(long = "header", value_name = "NAME=VALUE", value_parser = header,
          help_heading = "Sending")]
    headers: Vec<(String, String)>,
}

fn header(text: &str) -> Result<(String, String), String> {
    let Some((name, value)) = text.split_once('=') else {
        return Err("it is no header: write NAME=VALUE".to_owned());
    };
    let checked = Headers::new().insert(name, value);
    checked.map_err(|error| error.to_string())?;
    Ok((name.to_owned(), value.to_owned()))
}

impl HeaderArgs {
    pub(crate) fn headers(&self) -> Outcome<Headers> {
        let mut headers = Headers::new();
        for (name, value) in &self.headers {
            let inserted = headers.insert(name, value);
            inserted.map_err(|error| Failure::usage(format!("--header: {error}")))?;
        }
        match headers.excess(HeaderLimits::default()) {
            None => Ok(headers),
            Some(reason) => Err(Failure::usage(format!("--header: {reason}"))),
        }
    }
}

/// Headers as an object: values by names, in their order.
#[derive(Debug)]
pub(crate) struct Object<'a>(&'a Headers);

impl<'a> Object<'a> {
    /// The object of some headers. None, if there are none.
    pub(crate) fn of(headers: &'a Headers) -> Option<Self> {
        (!headers.is_empty()).then_some(Self(headers))
    }
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0)
    }
}
