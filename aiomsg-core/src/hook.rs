//! Functions of a user's that hear of something.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Calls one. When it panics, that ends here: whoever tells it has others to look
/// after.
pub(crate) fn tell(call: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(call)) {
        // Its destructor may panic as well.
        std::mem::forget(payload);
    }
}
