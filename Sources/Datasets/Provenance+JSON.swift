import Selection
package import Tensors

extension Provenance {
    /// Which model something belongs to, as fields of a JSON object.
    package var modelMembers: [JSON.Member] {
        modelMetadata.sorted { $0.key < $1.key }.map { JSON.Member($0.key, .text($0.value)) }
    }
}
