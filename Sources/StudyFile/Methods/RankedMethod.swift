package import Checkpoint
package import Selection
package import Tensors

/// The first or last q % of one side's ranking are set to zero.
package struct RankedMethod: ConditionMethod {
    package static let keys = ["top", "bottom"]
    package static func axes(of key: String) -> [ListAxis] { [ListAxis(key: "q")] }

    package var side: Study.Side
    package var q: Double
    package var group: Group
    package var order: Order

    package init(side: Study.Side, q: Double, group: Group, order: Order) {
        (self.side, self.q, self.group, self.order) = (side, q, group, order)
    }

    /// Reads the data set, the share q in percent and the group that it is a share of.
    /// - Throws: `InputError` with file, line and the key's path.
    package init(_ entry: ConditionEntry) throws(InputError) {
        let node = try entry.settings(["of", "q", "group"])
        side = try node.choice("of", as: Study.Side.self) ?? .safety
        q = try node.required("q", node.percent)
        group = try node.choice("group", as: Group.self) ?? .matrix
        order = entry.key == "top" ? .largest : .smallest
    }

    package var title: String {
        "\(order == .largest ? "top" : "bottom") \(q)% by \(side.rawValue) per \(group.rawValue)"
    }

    package func family(_ extent: EditExtent) -> ConditionFamily {
        switch (side, order) {
        case (.safety, .largest): .top
        case (.safety, .smallest): .bottom
        case (.utility, .largest): .topUtility
        case (.utility, .smallest): .bottomUtility
        }
    }

    package var coordinates: [GridAxis] { [.percent("q", q)] }
    package var files: [String] { [] }
    package var sides: [Study.Side] { [side] }
    package var needsScores: Bool { true }
    package var sequence: BlockSequence { group == .model ? .comparesBlocks : .possible }

    package var making: Making {
        .mask { [side, q, group, order] inputs in
            try Selector.mask(of: try inputs.scores(side), percent: q, name: "q", group: group, order: order)
        }
    }

    /// Checks that the study has data where its scores need them.
    /// - Throws: `InputError` naming the key of the study.
    package func check(_ condition: Study.Condition, in study: Study, _ top: StudyNode) throws(InputError) {
        try study.checkScores(of: condition, top)
    }

    package func check(_ condition: Study.Condition, against config: ModelConfig) {}

    package func fingerprint(
        _ condition: Study.Condition, in study: Study, _ known: KnownInputs
    ) -> [String]? { condition.fingerprint + study.scoreFingerprint }
}

extension ConditionFamily {
    package static let top = ConditionFamily(3, "top by safety")
    package static let bottom = ConditionFamily(4, "least by safety")
    package static let topUtility = ConditionFamily(5, "top by utility")
    package static let bottomUtility = ConditionFamily(6, "least by utility")
}
