import Protocol
import Tensors
import Testing
import WorkerIO

/// What a worker keeps for the coordinator, and tells it when it comes back.
struct HeldWorkTests {
    private func key(_ task: UInt64) -> TaskKey { TaskKey(epoch: 7, task: task) }
    private let assignment = Assignment(
        epoch: 7, model: "m", layers: 0..<2, stageIndex: 0, stageCount: 1, threads: 1, next: nil, window: 1)
    private func offer(_ edit: UInt64, _ digest: String) -> EditOffer {
        EditOffer(epoch: 7, edit: edit, name: "e", digest: digest, byteCount: 8)
    }
    private var image: TensorBundle.Image { TensorBundle(entries: []).image() }

    @Test func aTaskIsBegunOnce() {
        var tasks = HeldTasks()
        tasks.begin(key(1), content: "c")
        #expect(tasks.hasBegun(1) && tasks.isUnderWay(1))
        let wasKept = tasks.finish(key(1), image, digest: "d")
        #expect(wasKept && !tasks.isUnderWay(1))
        tasks.forget(key(1))
        #expect(tasks.hasBegun(1) && tasks.list.isEmpty && tasks.result(of: key(1)) == nil)
    }

    @Test func aResultThatWasCalledOffIsNotKept() {
        var tasks = HeldTasks()
        tasks.begin(key(1), content: "c")
        tasks.drop(key(1))
        let wasKept = tasks.finish(key(1), image, digest: "d")
        #expect(!wasKept && tasks.list.isEmpty)
    }

    @Test func otherWeightsEndWhatIsUnderWay() {
        var tasks = HeldTasks()
        for task: UInt64 in 1...3 { tasks.begin(key(task), content: "c\(task)") }
        tasks.advance(2)
        _ = tasks.finish(key(1), image, digest: "d")
        #expect(tasks.list.map(\.digest) == ["d", nil, nil] && tasks.progress == [2: 1, 3: 0])
        #expect(Set(tasks.dropAll()) == [key(2), key(3)])
        #expect(tasks.list.isEmpty && tasks.progress.isEmpty && tasks.hasBegun(3))
    }

    @Test func anEditIsAppliedOnceAndNeverAnOlderOne() {
        var edit = HeldEdit()
        #expect(edit.take(offer(2, "a")) == .wanted)
        #expect(edit.take(offer(2, "a")) == .ignored)
        edit.finish(2)
        #expect(edit.take(offer(2, "a")) == .inForce)
        #expect(edit.take(offer(1, "b")) == .ignored)
        // The same bytes under another number.
        #expect(edit.take(offer(3, "a")) == .inForce)
        edit.isTrained = true
        #expect(edit.take(offer(4, "a")) == .wanted)
        #expect(!edit.isTrained)
    }

    @Test func aHelloListsWhatIsHeldForItsRunAlone() throws {
        var work = HeldWork()
        #expect([7, 7].map { work.isNew($0) } == [true, false])
        #expect(work.resumable == nil)
        work.begin(assignment)
        work.belongs(to: "run")
        #expect(!work.isForeign(to: "run") && work.isForeign(to: "other") && work.isForeign(to: nil))
        work.tasks.begin(key(1), content: "c")
        _ = work.edit.take(offer(1, "a"))
        work.edit.finish(1)
        let resumable = try #require(work.resumable)
        #expect(resumable.run == "run" && resumable.epoch == 7 && resumable.editDigest == "a")
        #expect(resumable.tasks == [Holding(key: key(1), content: "c", digest: nil, byteCount: 0)])
        #expect(work.forgetEverything() == 8)
        #expect(work.resumable == nil && work.epoch == nil)
        // Another run's numbers begin anew.
        #expect(work.isNew(1) == true)
    }
}
