import Protocol
package import Selection
package import Tensors

/// A model that work is done with: the checkpoint, an edit of it, or what a training makes of it.
package struct ModelState: Sendable {
    package enum Kind: Sendable {
        case checkpoint
        case edited(any WeightEdit)
        case trained(TrainingRequest)
    }

    package let kind: Kind
    /// What the weights are known by, in the cache and in a run's journal. Equal tensors have equal names, whatever the edit's
    /// metadata calls them: a condition of another name is the same model.
    package let identity: String
    /// The same before any rewinding.
    package let trainedIdentity: String

    package static let checkpoint = ModelState(.checkpoint, "unedited")

    private init(_ kind: Kind, _ identity: String, trained: String? = nil) {
        (self.kind, self.identity, trainedIdentity) = (kind, identity, trained ?? identity)
    }

    package init(_ edit: any WeightEdit) {
        let kind = type(of: edit).kind.rawValue.replacing("_", with: " ")
        self.init(.edited(edit), "\(kind) \(Self.digest(edit.bundle))")
    }

    /// - Throws: where the training cannot be encoded.
    package init(_ request: TrainingRequest) throws {
        let frozen = request.freeze.map { Self.digest($0.bundle) } ?? "none"
        var trained = "trained \(try TaskBody.train(request.training).digest()) frozen \(frozen)"
        if let target = request.lossTarget { trained += " until \(target.loss) over \(target.passSteps)" }
        let rewound = request.rewind.map { " rewound \(Self.digest($0.bundle))" } ?? ""
        self.init(.trained(request), trained + rewound, trained: trained)
    }

    /// Of tensors without their metadata.
    package static func digest(_ bundle: TensorBundle) -> String {
        TensorBundle(entries: bundle.entries).image().sha256()
    }
}
