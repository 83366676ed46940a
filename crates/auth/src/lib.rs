//! Authentication for Yandex Cloud.
