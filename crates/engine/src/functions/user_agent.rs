//! Who speaks, from the `User-Agent` header: browser, operating system and device.
//!
//! A header is products (`Name/1.2`) and remarks in brackets. The tables below tell which of them name what, the most
//! telling first, since most headers name several browsers that they resemble.

use values::{DynamicBuilder, Kind, Value};

use super::Function;
use super::call::{Call, Columnar};
use super::support::Answer;

pub(super) const FUNCTIONS: &[Function] = &[Function::new("parse_user_agent", parse_user_agent)];

/// Longest header that is looked at.
const LENGTH_MAX: usize = 4096;

/// A product, its family, and its family where it runs on a phone or tablet.
type Family = (&'static str, &'static str, &'static str);

/// A product that is a family by itself.
const fn own(product: &'static str) -> Family {
    one(product, product)
}

const fn one(product: &'static str, family: &'static str) -> Family {
    (product, family, family)
}

/// Programs that visit pages by themselves; their device is a spider.
const SPIDERS: &[Family] = &[
    own("Googlebot"),
    own("Googlebot-Image"),
    own("AdsBot-Google"),
    own("bingbot"),
    own("BingPreview"),
    own("DuckDuckBot"),
    own("YandexBot"),
    own("Baiduspider"),
    own("Applebot"),
    one("facebookexternalhit", "FacebookBot"),
    own("Twitterbot"),
    own("LinkedInBot"),
    own("Slackbot"),
    own("AhrefsBot"),
    own("SemrushBot"),
    own("MJ12bot"),
    own("PetalBot"),
    own("GPTBot"),
    own("CCBot"),
    own("UptimeRobot"),
    own("Nmap Scripting Engine"),
    own("zgrab"),
    own("masscan"),
];

/// Browsers and tools that people and programs use, the most telling product first.
const BROWSERS: &[Family] = &[
    own("AdobeAIR"),
    one("EdgA", "Edge Mobile"),
    one("EdgiOS", "Edge Mobile"),
    one("Edg", "Edge"),
    ("Edge", "Edge", "Edge Mobile"),
    ("OPR", "Opera", "Opera Mobile"),
    one("OPiOS", "Opera Mini"),
    own("Opera Mini"),
    own("Vivaldi"),
    one("YaBrowser", "Yandex Browser"),
    one("SamsungBrowser", "Samsung Internet"),
    one("UCBrowser", "UC Browser"),
    own("MiuiBrowser"),
    ("DuckDuckGo", "DuckDuckGo", "DuckDuckGo Mobile"),
    ("Brave", "Brave", "Brave Mobile"),
    own("Teams"),
    one("Slack_SSB", "Slack Desktop Client"),
    own("Electron"),
    one("CriOS", "Chrome Mobile iOS"),
    one("FxiOS", "Firefox iOS"),
    own("HeadlessChrome"),
    own("PhantomJS"),
    own("Chromium"),
    ("Chrome", "Chrome", "Chrome Mobile"),
    own("SeaMonkey"),
    own("Thunderbird"),
    one("PaleMoon", "Pale Moon"),
    ("Firefox", "Firefox", "Firefox Mobile"),
    one("Series60", "Nokia OSS Browser"),
    one("Microsoft Outlook", "Outlook"),
    own("Microsoft Office"),
    own("PowerShell"),
    one("WindowsPowerShell", "PowerShell"),
    own("curl"),
    own("Wget"),
    one("python-requests", "Python Requests"),
    own("Python-urllib"),
    one("aiohttp", "Python aiohttp"),
    one("python-httpx", "Python HTTPX"),
    own("Go-http-client"),
    own("okhttp"),
    own("Apache-HttpClient"),
    own("PostmanRuntime"),
    own("axios"),
    own("node-fetch"),
    own("Java"),
    own("libwww-perl"),
    own("AzureCLI"),
    own("CFNetwork"),
];

/// Windows by the number of its kernel: the version people know.
const WINDOWS: &[(&str, &str)] = &[
    ("10.0", "10"),
    ("6.3", "8.1"),
    ("6.2", "8"),
    ("6.1", "7"),
    ("6.0", "Vista"),
    ("5.2", "XP"),
    ("5.1", "XP"),
    ("5.0", "2000"),
    ("4.0", "NT.4"),
];

/// Words that are followed by a version, and the system they name. Android stands before Linux, which it names as well.
const SYSTEMS: &[(&str, &str)] = &[
    ("Windows Phone OS", "Windows Phone"),
    ("Windows Phone", "Windows Phone"),
    ("CPU iPhone OS", "iOS"),
    ("CPU OS", "iOS"),
    ("iPhone OS", "iOS"),
    ("iPadOS", "iOS"),
    ("Mac OS X", "Mac OS X"),
    ("macOS", "Mac OS X"),
    ("Tizen", "Tizen"),
    ("KAIOS", "KaiOS"),
    ("HarmonyOS", "HarmonyOS"),
    ("Android", "Android"),
    ("SymbianOS", "Symbian OS"),
    ("BB10", "BlackBerry OS"),
    ("BlackBerry", "BlackBerry OS"),
    ("Web0S", "webOS"),
    ("Ubuntu", "Ubuntu"),
    ("Fedora", "Fedora"),
    ("Debian", "Debian"),
    ("Red Hat", "Red Hat"),
    ("FreeBSD", "FreeBSD"),
    ("OpenBSD", "OpenBSD"),
    ("Linux", "Linux"),
    ("Darwin", "Darwin"),
];

/// Words in remarks that name a device of one model.
const APPLE: &[(&str, &str)] =
    &[("iPhone", "iPhone"), ("iPad", "iPad"), ("iPod", "iPod"), ("Macintosh", "Mac")];

/// How the names of models begin, and who makes them.
const MAKERS: &[(&str, &str)] = &[
    ("SM-", "Samsung"),
    ("GT-", "Samsung"),
    ("SAMSUNG", "Samsung"),
    ("Pixel", "Google"),
    ("Nexus", "Google"),
    ("Redmi", "XiaoMi"),
    ("POCO", "XiaoMi"),
    ("Mi ", "XiaoMi"),
    ("MI ", "XiaoMi"),
    ("HUAWEI", "Huawei"),
    ("HONOR", "Huawei"),
    ("moto", "Motorola"),
    ("Moto", "Motorola"),
    ("XT", "Motorola"),
    ("ONEPLUS", "OnePlus"),
    ("OnePlus", "OnePlus"),
    ("LG-", "LG"),
    ("LM-", "LG"),
    ("HTC", "HTC"),
    ("KF", "Amazon"),
    ("CPH", "Oppo"),
    ("vivo", "Vivo"),
    ("Nokia", "Nokia"),
    ("Lumia", "Nokia"),
];

/// What is asked for, as bits.
#[derive(Clone, Copy, PartialEq)]
struct Wanted {
    browser: bool,
    system: bool,
    device: bool,
}

impl Wanted {
    const NONE: Self = Self { browser: false, system: false, device: false };
    const ALL: Self = Self { browser: true, system: true, device: true };

    fn add(&mut self, name: &str) {
        match name.to_ascii_lowercase().as_str() {
            "browser" => self.browser = true,
            "os" => self.system = true,
            "device" => self.device = true,
            _ => {}
        }
    }

    fn of(value: &Value) -> Self {
        let mut wanted = Self::NONE;
        match value {
            Value::String(name) => wanted.add(name),
            Value::Dynamic(names) => {
                let names = names.as_ref();
                if names.kind() == Kind::Array {
                    names
                        .array()
                        .filter_map(|name| name.as_str())
                        .for_each(|name| wanted.add(name));
                } else if let Some(name) = names.as_str() {
                    wanted.add(name);
                }
            }
            _ => {}
        }
        wanted
    }
}

fn parse_user_agent(call: &Call<'_>) -> Answer {
    let texts = call.any_text(0)?;
    let look_for = call.args.get(1).zip(call.types.get(1));
    let fixed = match look_for {
        None => Some(Wanted::ALL),
        Some((Columnar::Scalar(value), _)) => Some(Wanted::of(value)),
        Some(_) => None,
    };
    let wanted_at = |row| look_for.map(|(column, ty)| Wanted::of(&column.value(*ty, row)));
    call.built(|row, out| {
        let wanted = fixed.or_else(|| wanted_at(row))?;
        let text = texts.get(row);
        if text.is_empty() || wanted == Wanted::NONE {
            return None;
        }
        let agent = Agent::read(text.get(..LENGTH_MAX).unwrap_or(&text));
        out.begin_object();
        if wanted.browser {
            let (family, version) = agent.browser();
            out.key("Browser");
            write_version(out, family, version, &["MajorVersion", "MinorVersion", "Patch"]);
        }
        if wanted.system {
            let (family, version) = agent.system();
            let names = ["MajorVersion", "MinorVersion", "Patch", "PatchMinor"];
            out.key("OperatingSystem");
            write_version(out, family, version, &names);
        }
        if wanted.device {
            let device = agent.device();
            out.key("Device");
            out.begin_object();
            for (key, value) in
                [("Family", &device.family), ("Brand", &device.brand), ("Model", &device.model)]
            {
                out.key(key);
                out.string(value);
            }
            out.end_object();
        }
        out.end_object();
        Some(())
    })
}

fn write_version(out: &mut DynamicBuilder, family: &str, version: &str, names: &[&str]) {
    let mut numbers = version.split(['.', '_']).map_while(|part| {
        let end = part.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(part.len());
        part.get(..end).filter(|number| !number.is_empty())
    });
    out.begin_object();
    out.key("Family");
    out.string(family);
    for name in names {
        out.key(name);
        out.string(numbers.next().unwrap_or_default());
    }
    out.end_object();
}

struct Device {
    family: String,
    brand: String,
    model: String,
}

impl Device {
    fn new(family: &str, brand: &str, model: &str) -> Self {
        Self { family: family.to_owned(), brand: brand.to_owned(), model: model.to_owned() }
    }
}

/// A header taken apart.
struct Agent<'a> {
    text: &'a str,
    /// Parts of the remarks in brackets.
    remarks: Vec<&'a str>,
}

impl<'a> Agent<'a> {
    fn read(text: &'a str) -> Self {
        let mut remarks = Vec::new();
        for (at, _) in text.match_indices('(') {
            let inner = text.get(at + 1..).unwrap_or_default();
            let inner = inner.split([')', '(']).next().unwrap_or_default();
            remarks.extend(inner.split(';').map(str::trim).filter(|part| !part.is_empty()));
        }
        Self { text, remarks }
    }

    /// What follows a word as a version: after `/` or a blank. The word stands alone.
    fn version(&self, word: &str) -> Option<&'a str> {
        self.text.match_indices(word).find_map(|(at, _)| {
            let before = self.text.get(..at)?.chars().next_back();
            let after = self.text.get(at + word.len()..)?;
            if before.is_some_and(|c| c.is_alphanumeric() || c == '-') {
                return None;
            }
            match after.chars().next() {
                Some(c) if c.is_alphanumeric() || c == '-' => None,
                Some('/' | ' ') => {
                    let tail = after.get(1..).unwrap_or_default();
                    let tail = tail.strip_prefix('v').unwrap_or(tail);
                    let digit = tail.starts_with(|c: char| c.is_ascii_digit());
                    Some(if digit { first_word(tail) } else { "" })
                }
                _ => Some(""),
            }
        })
    }

    fn says(&self, word: &str) -> bool {
        self.version(word).is_some()
    }

    fn find(&self, table: &'static [Family], mobile: bool) -> Option<(&'static str, &'a str)> {
        table.iter().find_map(|(product, family, on_phone)| {
            let version = self.version(product)?;
            Some((if mobile { *on_phone } else { *family }, version))
        })
    }

    fn mobile(&self) -> bool {
        self.says("Mobile") || self.says("Android") || self.says("Tablet")
    }

    fn browser(&self) -> (&'static str, &'a str) {
        let mobile = self.mobile();
        if let Some(found) = self.find(SPIDERS, mobile) {
            return found;
        }
        let view = self.says("wv") || self.says("Version");
        match self.find(BROWSERS, mobile) {
            Some(("Chrome Mobile", version)) if self.says("Android") && view => {
                return ("Chrome Mobile WebView", version);
            }
            Some(found) => return found,
            None => {}
        }
        if let Some(version) = self.version("IEMobile") {
            return ("IE Mobile", version);
        }
        if let Some(version) = self.version("MSIE") {
            return ("IE", version);
        }
        if self.says("Trident") {
            let version = self.remarks.iter().find_map(|part| part.strip_prefix("rv:"));
            return ("IE", version.unwrap_or_default());
        }
        let version = self.version("Version");
        if let Some(own) = self.version("Opera") {
            return ("Opera", version.unwrap_or(own));
        }
        if self.says("Android") && version.is_some() {
            return ("Android", self.version("Android").unwrap_or_default());
        }
        if let (true, Some(version)) = (self.says("Safari") || mobile, version) {
            return (if mobile { "Mobile Safari" } else { "Safari" }, version);
        }
        if self.says("AppleWebKit") && (self.says("iPhone") || self.says("iPad")) {
            return ("Mobile Safari UI/WKWebView", "");
        }
        if self.says("Safari") { ("Safari", "") } else { ("Other", "") }
    }

    fn system(&self) -> (&'static str, &'a str) {
        if let Some(kernel) = self.version("Windows NT")
            && !self.says("Windows Phone")
        {
            let known = WINDOWS.iter().find(|(number, _)| *number == kernel);
            return ("Windows", known.map_or(kernel, |(_, version)| *version));
        }
        let named = SYSTEMS
            .iter()
            .find_map(|(word, family)| self.version(word).map(|version| (*family, version)));
        if let Some(found) = named {
            return found;
        }
        if let Some(version) = self.version("CrOS x86_64").or_else(|| self.version("CrOS aarch64"))
        {
            return ("Chrome OS", version);
        }
        if self.says("Windows") || self.says("Win64") {
            return ("Windows", self.version("Windows").unwrap_or_default());
        }
        if self.says("Macintosh") { ("Mac OS X", "") } else { ("Other", "") }
    }

    fn device(&self) -> Device {
        if self.find(SPIDERS, false).is_some() {
            return Device::new("Spider", "Spider", "Desktop");
        }
        let apple = APPLE.iter().find(|(word, _)| self.says(word));
        if let Some((_, model)) = apple {
            return Device::new(model, "Apple", model);
        }
        if let Some(nokia) = self.text.split([' ', ';', '(']).find_map(|w| w.strip_prefix("Nokia"))
            && !nokia.is_empty()
        {
            let model = nokia.split('/').next().unwrap_or_default();
            let family = model.split('-').next().unwrap_or_default();
            return Device::new(&format!("Nokia {family}"), "Nokia", model);
        }
        let Some(model) = self.model() else { return Device::new("Other", "", "") };
        let maker = MAKERS.iter().find(|(start, _)| model.starts_with(start));
        match maker {
            Some((_, brand)) if model.starts_with(brand) => Device::new(model, brand, model),
            Some((_, brand)) => Device::new(&format!("{brand} {model}"), brand, model),
            None => Device::new(model, "Generic_Android", model),
        }
    }

    /// The remark that names the model: the first after the system that is neither a language nor a mark of the browser.
    fn model(&self) -> Option<&'a str> {
        let system = ["Android", "Windows Phone"];
        let at = self.remarks.iter().position(|part| system.iter().any(|s| part.starts_with(s)))?;
        self.remarks.iter().skip(at + 1).find_map(|part| {
            let part = part.split(" Build/").next().unwrap_or_default().trim();
            let language = part.len() == 5 && matches!(part.as_bytes().get(2), Some(b'-' | b'_'));
            let mark = matches!(part, "" | "U" | "wv" | "Mobile" | "Tablet" | "ARM" | "Touch")
                || part.starts_with("rv:")
                || part.contains('/');
            (!language && !mark).then_some(part)
        })
    }
}

/// Up to the first blank, bracket or semicolon.
fn first_word(text: &str) -> &str {
    text.split([' ', ';', ')', '(', ',']).next().unwrap_or_default()
}
