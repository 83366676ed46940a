//! The virtual machine of the metadata service: the options of the builder, and changes while the emulator runs.

use std::collections::BTreeMap;
use std::io;

use super::{Builder, Emulator};
use crate::cloud::MetadataOption;

impl Builder {
    /// Sets an attribute of the virtual machine: `computeMetadata/v1/instance/attributes/<name>`. The attribute
    /// `user-data` is also `latest/user-data`.
    ///
    /// ```
    /// let _ = yandex_cloud_emulator::Emulator::builder().metadata_attribute("user-data", "#cloud-config\n");
    /// ```
    pub fn metadata_attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.machine.attributes.insert(name.into(), value.into());
        self
    }

    /// Switches a part of the metadata service on or off. Each [`MetadataOption`] says its default.
    ///
    /// ```
    /// use yandex_cloud_emulator::{Emulator, MetadataOption};
    ///
    /// let _ = Emulator::builder().metadata_option(MetadataOption::GceHttpToken, false);
    /// ```
    pub fn metadata_option(mut self, option: MetadataOption, on: bool) -> Self {
        self.options.machine.options.insert(option, on);
        self
    }
}

impl Emulator {
    /// Sets an attribute of the virtual machine, or removes it. A request that waits for the change is answered.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
    /// let emulator = yandex_cloud_emulator::Emulator::start().await?;
    /// emulator.set_metadata_attribute("colour", Some("green"))?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// The name is empty, longer than 64 bytes or contains a slash, or all attributes have more than 512 KiB.
    pub fn set_metadata_attribute(&self, name: &str, value: Option<&str>) -> io::Result<()> {
        let change = BTreeMap::from([(name.to_owned(), value.map(str::to_owned))]);
        self.instance
            .cloud
            .machine
            .change(change)
            .map_err(|status| io::Error::new(io::ErrorKind::InvalidInput, status))
    }

    /// Switches a part of the metadata service on or off.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
    /// use yandex_cloud_emulator::{Emulator, MetadataOption};
    ///
    /// Emulator::start().await?.set_metadata_option(MetadataOption::GceHttpEndpoint, false);
    /// # Ok(()) }
    /// ```
    pub fn set_metadata_option(&self, option: MetadataOption, on: bool) {
        self.instance.cloud.machine.switch(option, on);
    }
}
