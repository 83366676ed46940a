//! The options of every call to a model of the chat API.

/// The setters of a model with the fields `extra_query` and `timeout`. Each model has its own documentation for them.
macro_rules! call_options {
    (extra_query: $extra_query:literal, timeout: $timeout:literal) => {
        #[doc = $extra_query]
        pub fn extra_query(mut self, fields: impl Into<Value>) -> Self {
            self.extra_query = fields.into();
            self
        }

        #[doc = $timeout]
        pub fn timeout(mut self, limit: Duration) -> Self {
            self.timeout = limit;
            self
        }
    };
}

pub(super) use call_options;
