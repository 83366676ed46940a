//! A Yandex Cloud on loopback.
