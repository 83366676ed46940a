//! The Yandex AI Studio SDK.
