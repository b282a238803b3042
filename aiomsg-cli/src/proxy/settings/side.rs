//! Checks of the settings of one side.

use std::path::Path;

use aiomsg::Endpoint;
use aiomsg::builder::Overflow;

use super::SideSettings;
use crate::common::advice::with_setting;
use crate::common::connect_all;
use crate::common::failure::Failure;
use crate::common::said::said;
use crate::common::websocket::WebSocketArgs;
use crate::proxy::origin::Names;

impl SideSettings {
    pub(super) fn check(&self) -> Result<(), String> {
        if self.bind.is_empty() && self.connect.is_empty() && self.connect_all.is_empty() {
            return Err(self.error("bind", |name| {
                format!(
                    "the {} has no endpoint: add {} with tcp://HOST:PORT to listen, or {} to \
                     connect",
                    self.name,
                    name.of(&self.key("bind")),
                    name.of(&self.key("connect"))
                )
            }));
        }
        if let Some(identity) = &self.identity
            && !self.dialect.allows(identity)
        {
            return Err(self.error("identity", |name| {
                format!(
                    "it has {} bytes, and any but 16 work in the dialect of 2019 only: set {} to \
                     2019, or give it 16 bytes",
                    identity.len(),
                    name.of(&self.key("dialect"))
                )
            }));
        }
        self.check_connect()?;
        self.check_tls()?;
        self.check_websocket()?;
        self.limits
            .check()
            .map_err(|(limit, what)| self.error(&format!("limits.{limit}"), |_| what))
    }

    fn check_connect(&self) -> Result<(), String> {
        let mut connects: Vec<&Endpoint> = Vec::new();
        for (setting, endpoint) in self.dialled() {
            let checked = match setting {
                "connect-all" => connect_all::check(endpoint),
                _ if endpoint.port() == Some(0) => {
                    Err(format!("{endpoint}: nobody listens at port 0"))
                }
                _ => Ok(()),
            };
            checked.map_err(|what| self.error(setting, |_| what))?;
            if connects.contains(&endpoint) {
                return Err(self.error(setting, |_| {
                    format!("{endpoint} is named twice to connect to: leave one out")
                }));
            }
            connects.push(endpoint);
        }
        Ok(())
    }

    /// The endpoints to connect to, each with its setting.
    fn dialled(&self) -> impl Iterator<Item = (&'static str, &Endpoint)> {
        let one = self.connect.iter().map(|it| ("connect", it));
        one.chain(self.connect_all.iter().map(|it| ("connect-all", it)))
    }

    fn check_tls(&self) -> Result<(), String> {
        let alone = match (&self.tls.cert, &self.tls.key) {
            (Some(_), None) => Some(("tls.cert", "tls.key")),
            (None, Some(_)) => Some(("tls.key", "tls.cert")),
            _ => None,
        };
        if let Some((alone, missing)) = alone {
            return Err(self.error(alone, |name| {
                format!(
                    "a certificate and its key come together: add {}",
                    name.of(&self.key(missing))
                )
            }));
        }
        let binds = self.bind.iter().map(|it| ("bind", it));
        for (key, endpoint) in binds.chain(self.dialled()) {
            let binds = key == "bind";
            let naming = self.origin.names(&self.key(key)).side(self.name);
            let tls = self.tls.check_named(endpoint, binds, naming);
            tls.and_then(|()| self.peers.check(endpoint, binds, &self.tls, naming))
                .map_err(|what| self.error(key, |_| what))?;
        }
        if self.tls.server_name.is_some() && !self.tls.checks_names() {
            return Err(self.error("tls.server-name", |name| {
                format!(
                    "it is of no use without {} or {}",
                    name.of(&self.key("tls.trust")),
                    name.of(&self.key("tls.system-roots"))
                )
            }));
        }
        self.check_tls_is_used()?;
        if self.peers.by_name && !self.peers.table.is_empty() {
            return Err(self.error("peer-identity-by-name", |name| {
                format!(
                    "it excludes {}: leave one out",
                    name.of(&self.key("peer-identity"))
                )
            }));
        }
        Ok(())
    }

    /// Refuses settings of TLS where no endpoint uses it: the connections would be plain.
    fn check_tls_is_used(&self) -> Result<(), String> {
        let dialled = self.dialled().map(|(_, endpoint)| endpoint);
        match self.tls.first_set() {
            Some(setting) if !self.bind.iter().chain(dialled).any(Endpoint::is_tls) => {
                Err(self.error(&format!("tls.{setting}"), |_| {
                    format!(
                        "no endpoint of the {} uses tls, so its connections would be plain in spite \
                         of this: write tls://, or leave the settings for it out",
                        self.name
                    )
                }))
            }
            _ => Ok(()),
        }
    }

    fn check_websocket(&self) -> Result<(), String> {
        let WebSocketArgs {
            accepts,
            origins,
            path,
        } = &self.websocket;
        let idle = match (accepts, origins.is_empty(), path) {
            (false, false, _) => Some("websocket-origin"),
            (false, _, Some(_)) => Some("websocket-path"),
            _ => None,
        };
        if let Some(idle) = idle {
            return Err(self.error(idle, |name| {
                format!(
                    "it is of no use without {}",
                    name.of(&self.key("websocket"))
                )
            }));
        }
        let checked = self.websocket.check();
        checked.map_err(|(setting, what)| self.error(setting, |_| what))
    }

    /// An error about a setting of this side, with the place where it was made.
    pub(in crate::proxy) fn error(
        &self,
        setting: &str,
        what: impl FnOnce(Names) -> String,
    ) -> String {
        self.origin.error(&self.key(setting), what)
    }

    /// An error about the contents of the files for TLS, with the setting that names
    /// the file.
    pub(in crate::proxy) fn tls_error(&self, error: &aiomsg::Error) -> String {
        let text = error.chain().to_string();
        let at = |path: &Path| text.find(&*path.to_string_lossy());
        let files = [
            ("tls.cert", self.tls.cert.as_slice()),
            ("tls.key", self.tls.key.as_slice()),
            ("tls.trust", &self.tls.trust),
            ("tls.pin", &self.tls.pin),
        ];
        // The file at fault is named first.
        let found = files.iter().flat_map(|(setting, paths)| {
            let at = paths.iter().filter_map(|path| at(path));
            at.map(|at| (at, *setting))
        });
        let setting = match found.min() {
            Some((_, setting)) => setting,
            None if self.tls.system_roots => "tls.system-roots",
            None => "tls.server-name",
        };
        self.error(setting, |name| with_setting(error, name.side(self.name)))
    }

    /// The error of an endpoint that cannot be opened.
    ///
    /// Only settings have a place: a port that is taken is no mistake in the file.
    pub(in crate::proxy) fn open_error(&self, setting: &str, error: &aiomsg::Error) -> Failure {
        match error.is_config() {
            true => Failure::usage(
                self.error(setting, |name| with_setting(error, name.side(self.name))),
            ),
            false => Failure::failed(said(error).to_string()),
        }
    }

    fn key(&self, setting: &str) -> String {
        format!("{}.{setting}", self.name)
    }

    /// What happens to a message without room at a peer of this side.
    pub(in crate::proxy) fn overflow(&self) -> Overflow {
        // Messages to the frontend are replies: one producer that reads none must not
        // hold up those of all others.
        self.limits.overflow_or(match self.name {
            "frontend" => Overflow::RefuseNewest,
            _ => Overflow::Wait,
        })
    }
}
