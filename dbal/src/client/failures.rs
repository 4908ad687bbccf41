//! What went wrong inside, for the host: a bound caller is told less of it.

use std::sync::Arc;

use crate::client::Origin;
use crate::error::Error;

/// Who is told.
#[derive(Clone, Default)]
pub(super) struct Tell(Option<Arc<Listen>>);

type Listen = dyn Fn(&Error, Option<&Origin>) + Send + Sync;

impl Tell {
    pub fn to(listen: impl Fn(&Error, Option<&Origin>) + Send + Sync + 'static) -> Tell {
        Tell(Some(Arc::new(listen)))
    }

    /// Tells an error whose detail its caller will not see.
    pub fn tell(&self, error: &Error, origin: Option<&Origin>) {
        if let (Some(listen), Some(_)) = (&self.0, error.detail()) {
            listen(error, origin);
        }
    }
}

impl std::fmt::Debug for Tell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Tell").field(&self.0.is_some()).finish()
    }
}
