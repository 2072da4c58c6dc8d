package import Tensors

/// The one rule for texts that are longer than a model's context: refused by name before any work.
///
/// Only multiple-choice questions are cut instead (`MultipleChoice`), as EleutherAI's harness cuts them.
package enum ContextLimit {
    /// - Parameters:
    ///   - longest: positions the model was made for.
    ///   - place: the text's file and line, or its beginning.
    /// - Throws: `InputError` naming the place, where there are more tokens than positions.
    package static func check(_ tokens: Int, _ longest: Int, _ place: String) throws(InputError) {
        guard tokens > longest else { return }
        throw InputError(
            place, "\(tokens) tokens are more than the model's context of \(longest): shorten it or leave it out")
    }

    /// The same for a prompt that is to be answered.
    /// - Parameters:
    ///   - new: tokens that the answer may have.
    ///   - source: names the prompt's file in errors.
    /// - Throws: `InputError` where prompt and answer together need more positions than `longest`.
    package static func check(
        prompt: [Int32], _ text: String, new: Int, _ longest: Int, source: String
    ) throws(InputError) {
        guard prompt.count > longest - new else { return }
        throw InputError(
            source,
            "the prompt \"\(text.prefix(40))…\" has \(prompt.count) tokens, which with \(new) new ones are more than the model's context of \(longest): shorten it, leave it out, or ask for fewer new tokens"
        )
    }
}
