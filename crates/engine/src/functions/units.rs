//! `convert_*`: units of angle, energy, force, length, mass, speed, temperature and volume.

use std::f64::consts::PI;

use super::Function;
use super::call::Call;
use super::support::Answer;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("convert_angle", |c| convert(c, ANGLE)),
    Function::new("convert_energy", |c| convert(c, ENERGY)),
    Function::new("convert_force", |c| convert(c, FORCE)),
    Function::new("convert_length", |c| convert(c, LENGTH)),
    Function::new("convert_mass", |c| convert(c, MASS)),
    Function::new("convert_speed", |c| convert(c, SPEED)),
    Function::new("convert_temperature", |c| convert(c, TEMPERATURE)),
    Function::new("convert_volume", |c| convert(c, VOLUME)),
];

/// A unit in terms of its kind's base unit: `base = value * factor + offset`.
struct Unit(&'static str, f64, f64);

const fn unit(name: &'static str, factor: f64) -> Unit {
    Unit(name, factor, 0.0)
}

/// Marks the one unit that is no straight line: the sine of the angle.
const TILT: &str = "Tilt";

const fn domain(value: f64) -> Option<f64> {
    if value.is_nan() { None } else { Some(value) }
}

fn to_base(unit: &Unit, value: f64) -> f64 {
    if unit.0 == TILT { value.asin() } else { value * unit.1 + unit.2 }
}

fn from_base(unit: &Unit, value: f64) -> f64 {
    if unit.0 == TILT { value.sin() } else { (value - unit.2) / unit.1 }
}

/// Null for units that do not exist.
fn convert(call: &Call<'_>, units: &'static [Unit]) -> Answer {
    let (values, from, to) = (call.number(0)?, call.text(1)?, call.text(2)?);
    let find = |name: &str| units.iter().find(|u| u.0.eq_ignore_ascii_case(name.trim()));
    call.reals(|row| {
        let (from, to) = (find(from.get(row))?, find(to.get(row))?);
        domain(from_base(to, to_base(from, values.real(row)?)))
    })
}

/// Radians.
const ANGLE: &[Unit] = &[
    unit("Radian", 1.0),
    unit("Arcminute", PI / 10_800.0),
    unit("Arcsecond", PI / 648_000.0),
    unit("Centiradian", 1e-2),
    unit("Deciradian", 1e-1),
    unit("Degree", PI / 180.0),
    unit("Gradian", PI / 200.0),
    unit("Microdegree", PI / 180e6),
    unit("Microradian", 1e-6),
    unit("Millidegree", PI / 180e3),
    unit("Milliradian", 1e-3),
    unit("Nanodegree", PI / 180e9),
    unit("Nanoradian", 1e-9),
    unit("NatoMil", PI / 3200.0),
    unit("Revolution", 2.0 * PI),
    unit(TILT, 1.0),
];

const BTU: f64 = 1_055.055_852_62;
const ELECTRON_VOLT: f64 = 1.602_176_565e-19;

/// Joules.
const ENERGY: &[Unit] = &[
    unit("Joule", 1.0),
    unit("BritishThermalUnit", BTU),
    unit("Calorie", 4.184),
    unit("DecathermEc", 10.0 * 1e5 * BTU),
    unit("DecathermImperial", 10.0 * 1.055_055_852_573_48e8),
    unit("DecathermUs", 10.0 * 1.054_804e8),
    unit("ElectronVolt", ELECTRON_VOLT),
    unit("Erg", 1e-7),
    unit("FootPound", 1.355_817_948),
    unit("GigabritishThermalUnit", BTU * 1e9),
    unit("GigaelectronVolt", ELECTRON_VOLT * 1e9),
    unit("Gigajoule", 1e9),
    unit("GigawattDay", 86_400e9),
    unit("GigawattHour", 3_600e9),
    unit("HorsepowerHour", 2.684_519_537_696_173e6),
    unit("KilobritishThermalUnit", BTU * 1e3),
    unit("Kilocalorie", 4_184.0),
    unit("KiloelectronVolt", ELECTRON_VOLT * 1e3),
    unit("Kilojoule", 1e3),
    unit("KilowattDay", 86_400e3),
    unit("KilowattHour", 3_600e3),
    unit("MegabritishThermalUnit", BTU * 1e6),
    unit("Megacalorie", 4.184e6),
    unit("MegaelectronVolt", ELECTRON_VOLT * 1e6),
    unit("Megajoule", 1e6),
    unit("MegawattDay", 86_400e6),
    unit("MegawattHour", 3_600e6),
    unit("Millijoule", 1e-3),
    unit("TeraelectronVolt", ELECTRON_VOLT * 1e12),
    unit("TerawattDay", 86_400e12),
    unit("TerawattHour", 3_600e12),
    unit("ThermEc", 1e5 * BTU),
    unit("ThermImperial", 1.055_055_852_573_48e8),
    unit("ThermUs", 1.054_804e8),
    unit("WattDay", 86_400.0),
    unit("WattHour", 3_600.0),
];

const POUND_FORCE: f64 = 4.448_221_615_260_5;

/// Newtons.
const FORCE: &[Unit] = &[
    unit("Newton", 1.0),
    unit("Decanewton", 10.0),
    unit("Dyn", 1e-5),
    unit("KilogramForce", 9.806_65),
    unit("Kilonewton", 1e3),
    unit("KiloPond", 9.806_65),
    unit("KilopoundForce", POUND_FORCE * 1e3),
    unit("Meganewton", 1e6),
    unit("Micronewton", 1e-6),
    unit("Millinewton", 1e-3),
    unit("OunceForce", POUND_FORCE / 16.0),
    unit("Poundal", 0.138_254_954_376),
    unit("PoundForce", POUND_FORCE),
    unit("ShortTonForce", POUND_FORCE * 2e3),
    unit("TonneForce", 9_806.65),
];

const FOOT: f64 = 0.3048;
const SURVEY_FOOT: f64 = 1200.0 / 3937.0;
const LIGHT_YEAR: f64 = 9.460_730_472_58e15;
const PARSEC: f64 = 3.085_677_581_28e16;

/// Metres.
const LENGTH: &[Unit] = &[
    unit("Meter", 1.0),
    unit("Angstrom", 1e-10),
    unit("AstronomicalUnit", 1.495_978_707e11),
    unit("Centimeter", 1e-2),
    unit("Chain", 20.1168),
    unit("DataMile", 1828.8),
    unit("Decameter", 10.0),
    unit("Decimeter", 0.1),
    unit("DtpPica", 0.0254 / 6.0),
    unit("DtpPoint", 0.0254 / 72.0),
    unit("Fathom", 1.8288),
    unit("Foot", FOOT),
    unit("Hand", 0.1016),
    unit("Hectometer", 100.0),
    unit("Inch", 0.0254),
    unit("KilolightYear", LIGHT_YEAR * 1e3),
    unit("Kilometer", 1e3),
    unit("Kiloparsec", PARSEC * 1e3),
    unit("LightYear", LIGHT_YEAR),
    unit("MegalightYear", LIGHT_YEAR * 1e6),
    unit("Megaparsec", PARSEC * 1e6),
    unit("Microinch", 2.54e-8),
    unit("Micrometer", 1e-6),
    unit("Mil", 2.54e-5),
    unit("Mile", 1609.344),
    unit("Millimeter", 1e-3),
    unit("Nanometer", 1e-9),
    unit("NauticalMile", 1852.0),
    unit("Parsec", PARSEC),
    unit("PrinterPica", 0.0254 * 12.0 / 72.27),
    unit("PrinterPoint", 0.0254 / 72.27),
    unit("Shackle", 27.432),
    unit("SolarRadius", 6.9551e8),
    unit("Twip", 0.0254 / 1440.0),
    unit("UsSurveyFoot", SURVEY_FOOT),
    unit("Yard", 0.9144),
];

const POUND: f64 = 0.453_592_37;

/// Kilograms.
const MASS: &[Unit] = &[
    unit("Kilogram", 1.0),
    unit("Centigram", 1e-5),
    unit("Decagram", 1e-2),
    unit("Decigram", 1e-4),
    unit("EarthMass", 5.9722e24),
    unit("Grain", POUND / 7000.0),
    unit("Gram", 1e-3),
    unit("Hectogram", 0.1),
    unit("Kilopound", POUND * 1e3),
    unit("Kilotonne", 1e6),
    unit("LongHundredweight", POUND * 112.0),
    unit("LongTon", POUND * 2240.0),
    unit("Megapound", POUND * 1e6),
    unit("Megatonne", 1e9),
    unit("Microgram", 1e-9),
    unit("Milligram", 1e-6),
    unit("Nanogram", 1e-12),
    unit("Ounce", POUND / 16.0),
    unit("Pound", POUND),
    unit("ShortHundredweight", POUND * 100.0),
    unit("ShortTon", POUND * 2000.0),
    unit("Slug", POUND * 9.806_65 / FOOT),
    unit("SolarMass", 1.989_47e30),
    unit("Stone", POUND * 14.0),
    unit("Tonne", 1e3),
];

/// Metres a second.
const SPEED: &[Unit] = &[
    unit("MeterPerSecond", 1.0),
    unit("CentimeterPerHour", 1e-2 / 3600.0),
    unit("CentimeterPerMinute", 1e-2 / 60.0),
    unit("CentimeterPerSecond", 1e-2),
    unit("DecimeterPerMinute", 0.1 / 60.0),
    unit("DecimeterPerSecond", 0.1),
    unit("FootPerHour", FOOT / 3600.0),
    unit("FootPerMinute", FOOT / 60.0),
    unit("FootPerSecond", FOOT),
    unit("InchPerHour", 0.0254 / 3600.0),
    unit("InchPerMinute", 0.0254 / 60.0),
    unit("InchPerSecond", 0.0254),
    unit("KilometerPerHour", 1e3 / 3600.0),
    unit("KilometerPerMinute", 1e3 / 60.0),
    unit("KilometerPerSecond", 1e3),
    unit("Knot", 1852.0 / 3600.0),
    unit("MeterPerHour", 1.0 / 3600.0),
    unit("MeterPerMinute", 1.0 / 60.0),
    unit("MicrometerPerMinute", 1e-6 / 60.0),
    unit("MicrometerPerSecond", 1e-6),
    unit("MilePerHour", 0.44704),
    unit("MillimeterPerHour", 1e-3 / 3600.0),
    unit("MillimeterPerMinute", 1e-3 / 60.0),
    unit("MillimeterPerSecond", 1e-3),
    unit("NanometerPerMinute", 1e-9 / 60.0),
    unit("NanometerPerSecond", 1e-9),
    unit("UsSurveyFootPerHour", SURVEY_FOOT / 3600.0),
    unit("UsSurveyFootPerMinute", SURVEY_FOOT / 60.0),
    unit("UsSurveyFootPerSecond", SURVEY_FOOT),
    unit("YardPerHour", 0.9144 / 3600.0),
    unit("YardPerMinute", 0.9144 / 60.0),
    unit("YardPerSecond", 0.9144),
];

/// Kelvin.
const TEMPERATURE: &[Unit] = &[
    unit("Kelvin", 1.0),
    Unit("DegreeCelsius", 1.0, 273.15),
    Unit("MillidegreeCelsius", 1e-3, 273.15),
    Unit("DegreeDelisle", -2.0 / 3.0, 373.15),
    Unit("DegreeFahrenheit", 5.0 / 9.0, 459.67 * 5.0 / 9.0),
    Unit("DegreeNewton", 100.0 / 33.0, 273.15),
    unit("DegreeRankine", 5.0 / 9.0),
    Unit("DegreeReaumur", 1.25, 273.15),
    Unit("DegreeRoemer", 40.0 / 21.0, 273.15 - 7.5 * 40.0 / 21.0),
    unit("SolarTemperature", 5778.0),
];

const CUBIC_FOOT: f64 = FOOT * FOOT * FOOT;
const US_GALLON: f64 = 0.003_785_411_784;
const IMPERIAL_GALLON: f64 = 0.004_546_09;

/// Cubic metres.
const VOLUME: &[Unit] = &[
    unit("CubicMeter", 1.0),
    unit("AcreFoot", 1.0 / 0.000_810_714),
    unit("AuTablespoon", 2e-5),
    unit("BoardFoot", CUBIC_FOOT / 12.0),
    unit("Centiliter", 1e-5),
    unit("CubicCentimeter", 1e-6),
    unit("CubicDecimeter", 1e-3),
    unit("CubicFoot", CUBIC_FOOT),
    unit("CubicHectometer", 1e6),
    unit("CubicInch", 1.638_706_4e-5),
    unit("CubicKilometer", 1e9),
    unit("CubicMicrometer", 1e-18),
    unit("CubicMile", 4.168_181_825_440_58e9),
    unit("CubicMillimeter", 1e-9),
    unit("CubicYard", 27.0 * CUBIC_FOOT),
    unit("Decaliter", 1e-2),
    unit("DecausGallon", US_GALLON * 10.0),
    unit("Deciliter", 1e-4),
    unit("DeciusGallon", US_GALLON / 10.0),
    unit("HectocubicFoot", CUBIC_FOOT * 100.0),
    unit("HectocubicMeter", 100.0),
    unit("Hectoliter", 0.1),
    unit("HectousGallon", US_GALLON * 100.0),
    unit("ImperialBeerBarrel", IMPERIAL_GALLON * 36.0),
    unit("ImperialGallon", IMPERIAL_GALLON),
    unit("ImperialOunce", IMPERIAL_GALLON / 160.0),
    unit("ImperialPint", IMPERIAL_GALLON / 8.0),
    unit("KilocubicFoot", CUBIC_FOOT * 1e3),
    unit("KilocubicMeter", 1e3),
    unit("KiloimperialGallon", IMPERIAL_GALLON * 1e3),
    unit("Kiloliter", 1.0),
    unit("KilousGallon", US_GALLON * 1e3),
    unit("Liter", 1e-3),
    unit("MegacubicFoot", CUBIC_FOOT * 1e6),
    unit("MegaimperialGallon", IMPERIAL_GALLON * 1e6),
    unit("Megaliter", 1e3),
    unit("MegausGallon", US_GALLON * 1e6),
    unit("MetricCup", 2.5e-4),
    unit("MetricTeaspoon", 5e-6),
    unit("Microliter", 1e-9),
    unit("Milliliter", 1e-6),
    unit("OilBarrel", US_GALLON * 42.0),
    unit("UkTablespoon", 1.5e-5),
    unit("UsBeerBarrel", US_GALLON * 31.0),
    unit("UsCustomaryCup", US_GALLON / 16.0),
    unit("UsGallon", US_GALLON),
    unit("UsLegalCup", 2.4e-4),
    unit("UsOunce", US_GALLON / 128.0),
    unit("UsPint", US_GALLON / 8.0),
    unit("UsQuart", US_GALLON / 4.0),
    unit("UsTablespoon", US_GALLON / 256.0),
    unit("UsTeaspoon", US_GALLON / 768.0),
];
