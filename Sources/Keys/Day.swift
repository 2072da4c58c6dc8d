import Foundation

/// Calendar days (UTC) as ISO 8601 text: the last day on which a key holds.
package enum Day {
    /// Seconds since 1970 now.
    package static var now: Double { Date().timeIntervalSince1970 }

    package static func text(_ seconds: Double) -> String {
        Date(timeIntervalSince1970: seconds).formatted(.iso8601.year().month().day())
    }

    /// Seconds since 1970 at which the day is over; `nil` for what is no day.
    package static func end(of text: String) -> Double? {
        guard text.utf8.count == 10, let date = try? Date(text, strategy: .iso8601.year().month().day()) else {
            return nil
        }
        return date.timeIntervalSince1970 + 86_400
    }
}
