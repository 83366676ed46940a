//! The two durations that the builders of methods with requests share.

/// The options `timeout` and `max_age` of a builder with fields of these names. Each method documents its own meaning.
macro_rules! duration_options {
    (timeout: $timeout:literal, max_age: $max_age:literal) => {
        #[doc = $timeout]
        pub fn timeout(mut self, limit: Duration) -> Self {
            self.timeout = limit;
            self
        }

        #[doc = $max_age]
        pub fn max_age(mut self, age: Duration) -> Self {
            self.max_age = age;
            self
        }
    };
}

pub(crate) use duration_options;
