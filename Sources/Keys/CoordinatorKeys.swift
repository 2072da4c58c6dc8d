import Foundation
public import ZeroMQ

/// What a coordinator has in hand: its own key, and the list of those it lets in.
public struct CoordinatorKeys: Sendable, Equatable {
    public var pair: CurveKeyPair
    public var allowed: AllowList
    public var allowedPath: String

    /// - Parameter path: `coordinator.key`, with `allowed.json` beside it.
    /// - Throws: `KeyError`.
    public init(contentsOf path: String) throws(KeyError) {
        let file = try KeyFile(contentsOf: path, role: .coordinator)
        pair = file.pair
        allowedPath = URL(fileURLWithPath: path).deletingLastPathComponent().appendingPathComponent("allowed.json").path
        allowed = try AllowList(contentsOf: allowedPath)
        guard allowed.fleet == file.fleet else {
            throw KeyError(allowedPath, "belongs to another fleet than \(path)")
        }
    }
}
