//! What a User-Agent says of browser and system, as sign-ins show it.

use serde_json::{Value, json};

/// What an agent of a system says, and the system's name. The first that fits.
const SYSTEMS: &[(&str, &str)] = &[
    ("Windows NT 10.0", "Windows 10"),
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iOS"),
    ("Mac OS X", "MacOs"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
];

/// What stands before a browser's version, and its name. The first that fits: many claim to be others as well.
const BROWSERS: &[(&str, &str)] = &[
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Version/", "Safari"),
    ("python-requests/", "Python Requests"),
    ("curl/", "curl"),
];

/// `DeviceDetail` of a sign-in: devices are not registered here, so their ids are empty.
pub(super) fn detail(agent: &str) -> Value {
    let system = SYSTEMS.iter().find(|(said, _)| agent.contains(said)).map_or("", |(_, n)| *n);
    let browser = BROWSERS.iter().find_map(|(said, name)| {
        let (_, version) = agent.split_once(said)?;
        let is_version = |c: &char| c.is_ascii_digit() || *c == '.';
        let version: String = version.chars().take_while(is_version).take(20).collect();
        Some(format!("{name} {version}"))
    });
    json!({
        "deviceId": "",
        "displayName": "",
        "operatingSystem": system,
        "browser": browser.unwrap_or_default(),
        "trustType": "",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_and_systems_are_read_from_what_they_say() {
        let cases = [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36 Edg/120.0.2210.91",
                ("Windows 10", "Edge 120.0.2210.91"),
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.2 Mobile/15E148 Safari/604.1",
                ("iOS", "Safari 17.2"),
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0",
                ("Linux", "Firefox 121.0"),
            ),
            ("python-requests/2.32.3", ("", "Python Requests 2.32.3")),
            ("", ("", "")),
        ];
        for (agent, (system, browser)) in cases {
            let told = detail(agent);
            assert_eq!(
                (&told["operatingSystem"], &told["browser"]),
                (&json!(system), &json!(browser)),
                "{agent}"
            );
        }
    }
}
