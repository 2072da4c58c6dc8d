package import Checkpoint
import Foundation
package import Jinja

/// What decides how prompts are laid out, beside the checkpoint.
package struct ChatLayout: Sendable, Equatable {
    /// A family's name, or a file, in place of the checkpoint's own chat template.
    package var template: String?
    package var system: SystemPrompt
    package var thinking: Thinking
    /// For templates that write the date; `nil`: today.
    package var day: CalendarDay?

    package init(
        template: String? = nil, system: SystemPrompt = .template, thinking: Thinking = .template,
        day: CalendarDay? = nil
    ) {
        self.template = template
        self.system = system
        self.thinking = thinking
        self.day = day
    }
}

extension Thinking {
    /// What the results say.
    package var title: String { self == .template ? "as the template has it" : rawValue }
}

extension CalendarDay {
    /// The day by this machine's clock and time zone, which is what transformers writes.
    package static func today() -> CalendarDay {
        var now = time(nil)
        var parts = tm()
        localtime_r(&now, &parts)
        return CalendarDay(year: Int(parts.tm_year) + 1900, month: Int(parts.tm_mon) + 1, day: Int(parts.tm_mday))
            ?? CalendarDay(year: 2000, month: 1, day: 1)!
    }
}
