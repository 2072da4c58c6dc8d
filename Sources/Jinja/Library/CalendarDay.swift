/// A day of the calendar, which is all that `strftime_now` may ask for: a prompt that holds the time of day would be
/// another one at every call.
public struct CalendarDay: Sendable, Hashable, CustomStringConvertible {
    public let year: Int, month: Int, day: Int

    /// `nil` where there is no such day.
    public init?(year: Int, month: Int, day: Int) {
        guard (1...9999).contains(year), (1...12).contains(month),
            day >= 1, day <= Self.length(month: month, year: year)
        else {
            return nil
        }
        (self.year, self.month, self.day) = (year, month, day)
    }

    /// Reads `2026-11-25`.
    public init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 3, parts.map(\.utf8.count) == [4, 2, 2], text.utf8.allSatisfy({ $0 < 0x3A && $0 > 0x2C }),
            let year = Int(parts[0]), let month = Int(parts[1]), let day = Int(parts[2])
        else {
            return nil
        }
        self.init(year: year, month: month, day: day)
    }

    public var description: String { "\(Self.padded(year, 4))-\(Self.padded(month))-\(Self.padded(day))" }

    private static func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }
    private static func length(month: Int, year: Int) -> Int {
        month == 2 ? (isLeap(year) ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
    }

    private var dayOfYear: Int { (1..<month).reduce(day) { $0 + Self.length(month: $1, year: year) } }

    /// 0 is Monday.
    private var weekday: Int {
        let before = year - 1
        return (before * 365 + before / 4 - before / 100 + before / 400 + dayOfYear - 1) % 7
    }

    private static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ]
    private static let weekdays = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]

    private static func padded(_ number: Int, _ width: Int = 2, with fill: String = "0") -> String {
        let digits = String(number)
        return String(repeating: fill, count: max(0, width - digits.count)) + digits
    }

    /// As Python's `strftime` in the C locale, for what depends on the day alone.
    /// - Throws: `JinjaError` of kind `.unsupported`, naming a letter of the format that depends on more than the day,
    ///   or is none.
    public func formatted(_ format: Text) throws(JinjaError) -> Text {
        var result: [UInt32] = []
        var index = 0
        while index < format.count {
            guard format[index] == 0x25, index + 1 < format.count else {
                result.append(format.units[index])
                index += 1
                continue
            }
            var letter = String(Scalars.scalar(format.units[index + 1]))
            index += 2
            if letter == "-", index < format.count {
                letter += String(Scalars.scalar(format.units[index]))
                index += 1
            }
            guard let text = field(letter) else { throw .unsupported("strftime_now with %\(letter)") }
            result += Text(text).units
        }
        return Text(units: result)
    }

    private func field(_ letter: String) -> String? {
        switch letter {
        case "%": "%"
        case "d": Self.padded(day)
        case "-d": String(day)
        case "e": Self.padded(day, with: " ")
        case "m": Self.padded(month)
        case "-m": String(month)
        case "b", "h": String(Self.months[month - 1].prefix(3))
        case "B": Self.months[month - 1]
        case "Y", "-Y": String(year)
        case "y": Self.padded(year % 100)
        case "a": String(Self.weekdays[weekday].prefix(3))
        case "A": Self.weekdays[weekday]
        case "j": Self.padded(dayOfYear, 3)
        case "u": String(weekday + 1)
        case "w": String((weekday + 1) % 7)
        case "F": description
        case "D", "x": "\(Self.padded(month))/\(Self.padded(day))/\(Self.padded(year % 100))"
        default: nil
        }
    }
}
