import COneDNN
import Tensors

/// The weights of a linear map in the order in which oneDNN's kernels read them. Products of few rows are up to twice as
/// fast as with the weights as they are; every value has the same bits.
public final class PackedWeights {
    /// Weights are packed in groups of so many outputs, the last one filled up with zeros.
    static let panelRows = Int(FL_ONEDNN_PANEL)

    public let outputs: Int
    public let inputs: Int
    /// Of both factors.
    let type: Int32
    private let panels: AlignedBuffer

    /// Packs f32 weights w [outputs × inputs].
    /// - Returns: `nil` where oneDNN is not in use.
    public convenience init?(_ pool: ThreadPool, _ w: UnsafePointer<Float>, outputs: Int, inputs: Int) {
        guard OneDNN.isUsed else { return nil }
        self.init(pool, UnsafeRawPointer(w), type: FL_ONEDNN_F32, outputs: outputs, inputs: inputs)
    }

    /// Packs BF16 weights w [outputs × inputs].
    /// - Returns: `nil` where oneDNN is not in use, or this kernel level has no products of BF16.
    public convenience init?(_ pool: ThreadPool, bf16 w: UnsafePointer<UInt16>, outputs: Int, inputs: Int) {
        guard OneDNN.multipliesBF16 else { return nil }
        self.init(pool, UnsafeRawPointer(w), type: FL_ONEDNN_BF16, outputs: outputs, inputs: inputs)
    }

    private init(_ pool: ThreadPool, _ w: UnsafeRawPointer, type: Int32, outputs: Int, inputs: Int) {
        (self.outputs, self.inputs, self.type) = (outputs, inputs, type)
        panels = AlignedBuffer(byteCount: Self.bytes(type, outputs: outputs, inputs: inputs), zeroed: false)
        pack(pool, w)
    }

    /// Packs other f32 weights of the same shape in their place.
    public func renew(_ pool: ThreadPool, _ w: UnsafePointer<Float>) {
        precondition(type == FL_ONEDNN_F32, "f32 weights in the place of BF16 ones")
        pack(pool, UnsafeRawPointer(w))
    }

    private func pack(_ pool: ThreadPool, _ w: UnsafeRawPointer) {
        let rowBytes = inputs * (type == FL_ONEDNN_BF16 ? 2 : 4)
        nonisolated(unsafe) let w = w
        pool.run(over: outputs, by: 2 * Self.panelRows) { rows in
            OneDNN.expect(
                fl_onednn_pack(type, panel(of: rows.lowerBound), w + rows.lowerBound * rowBytes, rows.count, inputs),
                "packing [\(outputs) × \(inputs)]")
        }
    }

    /// Where the panel begins whose first row is `row`.
    func panel(of row: Int) -> UnsafeMutableRawPointer {
        panels.address + row / Self.panelRows * fl_onednn_panel_bytes(type, inputs)
    }

    /// What the f32 weights of a map [outputs × inputs] take when they are packed.
    public static func byteCount(outputs: Int, inputs: Int) -> Int {
        bytes(FL_ONEDNN_F32, outputs: outputs, inputs: inputs)
    }

    private static func bytes(_ type: Int32, outputs: Int, inputs: Int) -> Int {
        (outputs + panelRows - 1) / panelRows * fl_onednn_panel_bytes(type, inputs)
    }
}
