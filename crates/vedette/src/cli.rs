//! The command line: every command with its arguments, as data.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Logs, detections and incidents behind Azure's own interfaces, on your own machine.
#[derive(Debug, Parser)]
#[command(name = "vedette", version, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start everything on one data folder; the first start makes what is missing.
    Serve(ServeArgs),
    /// Print what shells, SDKs and tools need to reach the server on a data folder.
    Env(EnvArgs),
    /// Print an access token of the administrator.
    Token(TokenArgs),
    /// Run KQL over local files, or over the running server.
    Query(QueryArgs),
    /// Put files into tables of the running server.
    Ingest(IngestArgs),
    /// Rules, hunting queries and parsers in the public content format.
    #[command(subcommand)]
    Content(ContentCommand),
    /// Look at incidents and close them.
    #[command(subcommand)]
    Incident(IncidentCommand),
    /// Secrets, keys and the seal of the vault.
    #[command(subcommand)]
    Vault(VaultCommand),
    /// Send a labelled attack story and wait for its incidents.
    Simulate(SimulateArgs),
    /// Users: add, list, passwords, authenticator apps.
    #[command(subcommand)]
    User(UserCommand),
    /// Print the line by which this machine finds vaults by name, or put it into /etc/hosts.
    Hosts(HostsArgs),
    /// Check names, ports, clock, disk, certificate and rights, and say the way out of each finding.
    Doctor(DoctorArgs),
}

/// `vedette serve`
#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    /// Data folder; made when it does not exist.
    #[arg(long, value_name = "DIR", env = "VEDETTE_DATA", default_value = "data")]
    pub(crate) data: PathBuf,
    /// Address and port to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8443")]
    pub(crate) listen: SocketAddr,
    /// Host name by which clients reach the server.
    #[arg(long, value_name = "HOST", default_value = "localhost")]
    pub(crate) name: String,
    /// A folder, file or beginning of an address that externaldata may read in queries and rules; as often as needed.
    #[arg(long, value_name = "PLACE")]
    pub(crate) allow_external: Vec<String>,
    /// A beginning of addresses that web hooks of deployments may go to beside https ones of other machines; as often as
    /// needed.
    #[arg(long, value_name = "URL")]
    pub(crate) allow_webhook: Vec<String>,
    /// Connections at a time from one address (or /64 network); this machine's own are not counted.
    #[arg(long, value_name = "NUMBER", default_value_t = 1000)]
    pub(crate) connections_per_address: usize,
    /// Leave this machine's own logs alone.
    #[arg(long)]
    pub(crate) no_host_logs: bool,
    /// Serve tokens of this machine's own identity to local processes, on a loopback address.
    #[arg(long, value_name = "ADDRESS:PORT", env = "VEDETTE_MANAGED_IDENTITY")]
    pub(crate) managed_identity: Option<SocketAddr>,
    /// With --managed-identity: a further user whose processes may ask, by its number; the server's own and root may.
    #[arg(long, value_name = "UID", requires = "managed_identity")]
    pub(crate) managed_identity_user: Vec<u32>,
    /// The library of a token (PKCS#11) whose key opens the vault; it is loaded into the server.
    #[arg(long, value_name = "FILE", env = "VEDETTE_PKCS11_MODULE")]
    pub(crate) pkcs11_module: Option<PathBuf>,
    /// A file with the token's PIN; otherwise the systemd credential vault.pin, or the variable VEDETTE_PKCS11_PIN.
    #[arg(long, value_name = "FILE", env = "VEDETTE_PKCS11_PIN_FILE")]
    pub(crate) pkcs11_pin_file: Option<PathBuf>,
    /// The vault answers only once the row of each call is on the disk, so that it outlives a power cut too; slower.
    #[arg(long)]
    pub(crate) flush_vault_audit: bool,
    /// What to log to stderr: a level, or levels by part.
    #[arg(long, value_name = "FILTER", env = "VEDETTE_LOG", default_value = "info")]
    pub(crate) log: String,
}

/// The variable that may hold the token's PIN. It is no argument, whose value help would show, and it is not passed on.
pub(crate) const PIN_VARIABLE: &str = "VEDETTE_PKCS11_PIN";

/// `vedette env`
#[derive(Args, Debug)]
pub(crate) struct EnvArgs {
    #[command(flatten)]
    pub(crate) connection: Connection,
    /// Lines for a shell, or one JSON object.
    #[arg(long, value_enum, default_value_t = EnvFormat::Shell)]
    pub(crate) format: EnvFormat,
}

/// How `vedette env` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EnvFormat {
    /// `export NAME='value'`
    Shell,
    /// One object.
    Json,
}

/// `vedette token`
#[derive(Args, Debug)]
pub(crate) struct TokenArgs {
    #[command(flatten)]
    pub(crate) connection: Connection,
    /// For which resource; the server itself unless given.
    #[arg(long, value_name = "URL")]
    pub(crate) resource: Option<String>,
}

/// `vedette query`
#[derive(Args, Debug)]
pub(crate) struct QueryArgs {
    /// The query; '-' or nothing reads it from standard input.
    pub(crate) text: Option<String>,
    /// Read the query from a file.
    #[arg(short, long, value_name = "FILE", conflicts_with = "text")]
    pub(crate) file: Option<PathBuf>,
    /// A file as a table: CSV, JSON, NDJSON, Parquet, EVTX, CEF or syslog, also gzipped. Without NAME= the table is named by the file.
    #[arg(short, long, value_name = "[NAME=]PATH")]
    pub(crate) table: Vec<String>,
    /// A location database (MMDB) for geo_info_from_ip_address(); the server reads geo/*.mmdb of its data folder.
    #[arg(long, value_name = "FILE", conflicts_with = "server")]
    pub(crate) mmdb: Option<PathBuf>,
    /// How to write the result; a table on a terminal, else JSON.
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
    /// A folder, file or beginning of an address that externaldata may read; as often as needed.
    #[arg(long, value_name = "PLACE", conflicts_with = "server")]
    pub(crate) allow_external: Vec<String>,
    /// Show the plan instead of the rows: what each step did, rows read, segments skipped, time by stage.
    #[arg(long)]
    pub(crate) explain: bool,
    /// Ask the running server instead of files.
    #[arg(long, conflicts_with = "table")]
    pub(crate) server: bool,
    /// With --server: range of TimeGenerated, such as P1D, PT1H or 2026-01-01/2026-02-01.
    #[arg(long, requires = "server")]
    pub(crate) timespan: Option<String>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `vedette ingest`
#[derive(Args, Debug)]
pub(crate) struct IngestArgs {
    /// CSV, JSON, NDJSON, Parquet, EVTX, CEF or syslog, also gzipped.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Table for the rows; without it, the one that the content of each file suggests. *_CL tables are made.
    #[arg(short, long, value_name = "NAME")]
    pub(crate) table: Option<String>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `vedette content`
#[derive(Debug, Subcommand)]
pub(crate) enum ContentCommand {
    /// Import a checkout of detection content, or any folder or file of it.
    Import(ImportArgs),
}

/// `vedette content import`
#[derive(Args, Debug)]
pub(crate) struct ImportArgs {
    /// Folder or file.
    pub(crate) path: PathBuf,
    /// Make rules of the templates, so that they run.
    #[arg(long)]
    pub(crate) enable: bool,
    /// Write what became of every file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `vedette incident`
#[derive(Debug, Subcommand)]
pub(crate) enum IncidentCommand {
    /// The newest first; open ones unless --all.
    List(ListArgs),
    /// One incident with its alerts, entities and comments.
    Show(ShowArgs),
    /// Close one incident.
    Close(CloseArgs),
}

/// `vedette incident list`
#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    /// Closed ones too.
    #[arg(long)]
    pub(crate) all: bool,
    /// How many.
    #[arg(long, default_value_t = 50)]
    pub(crate) top: usize,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `vedette incident show`
#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// Number of the incident.
    pub(crate) number: u64,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `vedette incident close`
#[derive(Args, Debug)]
pub(crate) struct CloseArgs {
    /// Number of the incident.
    pub(crate) number: u64,
    /// What it was.
    #[arg(long, value_enum, default_value_t = Classification::Undetermined)]
    pub(crate) classification: Classification,
    /// Why.
    #[arg(long)]
    pub(crate) comment: Option<String>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// What an incident was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Classification {
    /// An attack.
    TruePositive,
    /// Suspicious, but expected.
    BenignPositive,
    /// The rule's logic is wrong.
    FalsePositive,
    /// The rule's data is wrong.
    FalsePositiveData,
    /// Nobody knows.
    Undetermined,
}

impl Classification {
    /// Azure's names: classification and reason.
    pub(crate) const fn names(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::TruePositive => ("TruePositive", Some("SuspiciousActivity")),
            Self::BenignPositive => ("BenignPositive", Some("SuspiciousButExpected")),
            Self::FalsePositive => ("FalsePositive", Some("IncorrectAlertLogic")),
            Self::FalsePositiveData => ("FalsePositive", Some("InaccurateData")),
            Self::Undetermined => ("Undetermined", None),
        }
    }
}

/// `vedette vault`
#[derive(Debug, Subcommand)]
pub(crate) enum VaultCommand {
    /// Sealed or open, and what opens it.
    Status(VaultArgs),
    /// Forget every key: nothing can be read until it is unsealed.
    Seal(VaultArgs),
    /// Open: with a key file or a token at the server, or a passphrase or a share typed here.
    Unseal(UnsealArgs),
    /// Replace all seals by those named; prints the shares, once.
    Rekey(RekeyArgs),
    /// Make a new root key and wrap the keys of all vaults under it.
    RotateRoot(VaultArgs),
    /// Read the audit log's chain back and tell what was changed or is missing.
    VerifyAudit(VaultArgs),
    /// Secrets.
    #[command(subcommand)]
    Secret(SecretCommand),
    /// Keys.
    #[command(subcommand)]
    Key(KeyCommand),
}

/// Arguments of a command that needs no more than the server.
#[derive(Args, Debug)]
pub(crate) struct VaultArgs {
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `vedette vault unseal`
#[derive(Args, Debug)]
pub(crate) struct UnsealArgs {
    /// Read a passphrase from standard input.
    #[arg(long, conflicts_with = "share")]
    pub(crate) passphrase: bool,
    /// Read a share from standard input.
    #[arg(long)]
    pub(crate) share: bool,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `vedette vault rekey`
#[derive(Args, Debug)]
pub(crate) struct RekeyArgs {
    /// A key file in the data folder (as after the first start).
    #[arg(long)]
    pub(crate) key_file: bool,
    /// A passphrase, read from standard input.
    #[arg(long)]
    pub(crate) passphrase: bool,
    /// Shares: NEEDED/COUNT, such as 3/5.
    #[arg(long, value_name = "NEEDED/COUNT")]
    pub(crate) shares: Option<String>,
    /// A key in a token that the server reaches: pkcs11:token=LABEL;object=LABEL, also serial= and id=.
    #[arg(long, value_name = "URI")]
    pub(crate) pkcs11: Option<String>,
    /// With --pkcs11: let the token make the key when it has none of that name.
    #[arg(long, requires = "pkcs11")]
    pub(crate) pkcs11_make_key: bool,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// Which vault.
#[derive(Args, Clone, Debug)]
pub(crate) struct WhichVault {
    /// Vault.
    #[arg(long, default_value = "default")]
    pub(crate) vault: String,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `vedette vault secret`
#[derive(Debug, Subcommand)]
pub(crate) enum SecretCommand {
    /// Store a value, read from standard input, or from a file.
    Set {
        /// Name.
        name: String,
        /// Read the value from a file instead of standard input.
        #[arg(short, long, value_name = "FILE")]
        file: Option<PathBuf>,
        #[command(flatten)]
        which: WhichVault,
    },
    /// Print a value.
    Show {
        /// Name.
        name: String,
        #[command(flatten)]
        which: WhichVault,
    },
    /// List names.
    List(WhichVault),
}

/// `vedette vault key`
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key.
    Create {
        /// Name.
        name: String,
        /// RSA, EC or oct; with -HSM behind it.
        #[arg(long, default_value = "RSA")]
        kty: String,
        /// Bits.
        #[arg(long)]
        size: Option<u64>,
        /// P-256, P-384, P-521 or P-256K.
        #[arg(long)]
        curve: Option<String>,
        #[command(flatten)]
        which: WhichVault,
    },
    /// List names.
    List(WhichVault),
}

/// `vedette simulate`
#[derive(Args, Debug)]
pub(crate) struct SimulateArgs {
    /// Send the story and do not wait.
    #[arg(long)]
    pub(crate) no_wait: bool,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `vedette user`
#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Add a user; its password is made and shown once, unless one is given.
    Add(AddUserArgs),
    /// List users.
    List(ListUsersArgs),
    /// Set a new password and end all sign-ins.
    Passwd(PasswdArgs),
    /// Set up an authenticator app, or take it away.
    Totp(TotpArgs),
    /// List passkeys of a user, or take one away; the user adds them at /security-info.
    Passkeys(PasskeysArgs),
    /// Refuse sign-ins and tokens of a user from now on.
    Disable(UserArgs),
    /// Let a disabled user sign in again.
    Enable(UserArgs),
    /// Remove a user.
    Delete(UserArgs),
}

/// A user by name.
#[derive(Args, Debug)]
pub(crate) struct UserArgs {
    /// Name to sign in with; the tenant's domain is added where it has none.
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `vedette user add`
#[derive(Args, Debug)]
pub(crate) struct AddUserArgs {
    /// Name to sign in with; the tenant's domain is added where it has none.
    pub(crate) name: String,
    /// Name for people.
    #[arg(long, value_name = "TEXT")]
    pub(crate) display_name: Option<String>,
    /// Give it every right: Owner and the data planes in Azure, Global Administrator in the directory.
    #[arg(long)]
    pub(crate) administrator: bool,
    /// Read the password from the first line of standard input.
    #[arg(long)]
    pub(crate) password_stdin: bool,
    /// Do not ask for a new password at the first sign-in.
    #[arg(long)]
    pub(crate) keep_password: bool,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `vedette user list`
#[derive(Args, Debug)]
pub(crate) struct ListUsersArgs {
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `vedette user passwd`
#[derive(Args, Debug)]
pub(crate) struct PasswdArgs {
    /// Name to sign in with.
    pub(crate) name: String,
    /// Read the password from the first line of standard input.
    #[arg(long)]
    pub(crate) password_stdin: bool,
    /// Do not ask for a new password at the next sign-in.
    #[arg(long)]
    pub(crate) keep_password: bool,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `vedette user totp`
#[derive(Args, Debug)]
pub(crate) struct TotpArgs {
    /// Name to sign in with.
    pub(crate) name: String,
    /// Take the app away.
    #[arg(long)]
    pub(crate) remove: bool,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `vedette user passkeys`
#[derive(Args, Debug)]
pub(crate) struct PasskeysArgs {
    /// Name to sign in with.
    pub(crate) name: String,
    /// Take this one away, by its id.
    #[arg(long, value_name = "ID")]
    pub(crate) remove: Option<String>,
    /// As JSON.
    #[arg(long, conflicts_with = "remove")]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `vedette hosts`
#[derive(Args, Debug)]
pub(crate) struct HostsArgs {
    /// Add what is missing to the file.
    #[arg(long)]
    pub(crate) write: bool,
    /// The file.
    #[arg(long, value_name = "FILE", default_value = "/etc/hosts")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `vedette doctor`
#[derive(Args, Debug)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) connection: Connection,
    /// Address that a server would listen on, where none has run yet.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8443")]
    pub(crate) listen: SocketAddr,
}

/// How to write rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns for people.
    Table,
    /// All results in one object: tables of columns and rows.
    Json,
    /// Comma-separated values with a header.
    Csv,
    /// One JSON object a row.
    Ndjson,
    /// A Parquet file.
    Parquet,
    /// Bars or a line for two-column results.
    Chart,
}

/// Where the server is.
#[derive(Args, Clone, Debug)]
pub(crate) struct Connection {
    /// Data folder of the server on this machine.
    #[arg(long, value_name = "DIR", env = "VEDETTE_DATA", default_value = "data")]
    pub(crate) data: PathBuf,
}
