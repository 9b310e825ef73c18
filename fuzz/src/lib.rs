//! What the fuzz targets share: heads as the proxy makes them, and judges that have nothing in common with its parsers.

pub mod heads;
pub mod hyper_client;
pub mod hyper_server;
pub mod pieces;
pub mod proxy;
pub mod script;
pub mod stream;
