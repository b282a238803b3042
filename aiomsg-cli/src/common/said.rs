//! The text of an error, for people.

use std::error::Error;

use aiomsg::parts::vocabulary::error::{Chain, chain};

/// All levels of an error in one line. The methods of the library that would mend it
/// are left out: the command has options, and its advice names them.
pub(crate) fn said<'a>(error: &'a (dyn Error + 'static)) -> Chain<'a> {
    chain(error).without_remedy()
}
