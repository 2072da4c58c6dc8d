import Coordinator
import FleetIO
import Scheduling
import Tensors
import Testing

/// The sentences, words and levels of all that happens, in one place: other tests compare values.
@Suite struct OccurrenceTests {
    private static let result = RejectedResult(task: "scoring 3", fault: "x is nan")
    private static let alike = RejectedResult(task: "scoring 3", fault: "x is nan", alsoFrom: "w2")

    @Test(
        arguments: [
            (.silent(seconds: 31), "silent", false, "silent for 31 s"),
            (.stalled(seconds: 1801), "stalled", true, "stalled: one step has taken 1801 s"),
            (.exited(code: 0), "left", false, "ended with exit code 0"),
            (.exited(code: 1), "crashed", true, "ended with exit code 1"),
            (.killed(signal: 9), "killed", true, "was ended by signal 9"),
            (.killed(signal: 15), "killed", false, "was ended by signal 15"),
            (.connectionClosed, "connection_closed", true, "closed its connection"),
            (.notReading, "not_reading", true, "does not read what it is sent"),
            (.damagedBytes, "left", false, "sends damaged bytes"),
            (.resultMissing, "left", false, "does not hold a result it has offered"),
            (.resultsNotArriving(seconds: 120), "left", false, "its results do not arrive: not a byte in 120 s"),
            (.rejoined, "came_back", false, "came back as a new session"),
            (.unfit("another model"), "refused", false, "was refused: another model"),
            (.notAllowed("revoked"), "refused", false, "may not take part: revoked"),
            (.hostSetAside, "left", false, "its host is set aside"),
            (.leftOut(result), "left", false, "was left out: it sent no result of scoring 3: x is nan"),
            (
                .leftOut(alike), "left", false,
                "was left out: it sent no result of scoring 3: x is nan; w2 had sent the like, so the model or the data may "
                    + "be broken"
            ),
            (.drained, "left", false, "was drained"),
            (.askedToStop("was asked to stop (SIGTERM)"), "asked_to_stop", false, "was asked to stop (SIGTERM)"),
        ] as [(LossCause, String, Bool, String)])
    func aLossHasALabelAndASentence(cause: LossCause, label: String, isCrash: Bool, sentence: String) {
        #expect(cause.label.rawValue == label && cause.isCrash == isCrash && "\(cause)" == sentence)
    }

    @Test(
        arguments: [
            (
                .joined(worker: "w1", host: "h", pid: 7, threads: 2, level: .avx512BF16), .joined, .info,
                "w1 joined from h (pid 7, 2 threads, avx512-bf16)", "h (pid 7)"
            ),
            (.returned(worker: "w1", host: "h"), .returned, .info, "w1 on h is back after its connection broke", "h"),
            (
                .exonerated(worker: "w1", host: nil), .exonerated, .info,
                "w1: the same process is back, so it was its connection that broke",
                "the same process is back, so it was its connection that broke"
            ),
            (
                .exonerated(worker: "w1", host: "h"), .exonerated, .info,
                "w1: the same process is back, so it was its connection that broke; host h takes part again",
                "the same process is back, so it was its connection that broke"
            ),
            (
                .leaving(worker: "w1", host: "h", .drained), .leaving, .info,
                "w1 on h is to leave; it finishes what it runs first", "was drained"
            ),
            (.left(worker: "w1", host: "h", .drained), .left, .info, "w1 on h left: was drained", "h: was drained"),
            (
                .lost(worker: "w1", host: "h", .silent(seconds: 31)), .lost, .warning, "lost w1 on h: silent for 31 s",
                "h: silent for 31 s"
            ),
            (
                .levelAgreed(.avx2), nil, .info, "the fleet runs at kernel level avx2",
                "the fleet runs at kernel level avx2"
            ),
            (
                .otherLevel(worker: "w1", host: "h", fleet: .avx2, own: .avx512), nil, .info,
                "w1 on h starts again at the fleet's kernel level, avx2 (its own: avx512)",
                "w1 on h starts again at the fleet's kernel level, avx2 (its own: avx512)"
            ),
            (
                .otherLevel(worker: "w1", host: "h", fleet: .avx512, own: .avx2), nil, .info,
                "w1 on h was refused: the fleet runs at kernel level avx512, it has only avx2",
                "w1 on h was refused: the fleet runs at kernel level avx512, it has only avx2"
            ),
            (.rejected(worker: "w1", task: "scoring 3", fault: "x is nan"), .refused, .warning, "", "x is nan"),
            (.unknownWorker("w9"), nil, .info, "drain: no worker is called w9", "drain: no worker is called w9"),
            (
                .setAside(host: "h", .cannotLoad(worker: "w1", error: "no such file")), .setAside, .info,
                "host h is set aside: w1: no such file", "w1: no such file"
            ),
            (
                .deserted(last: nil, seconds: 60), nil, .info,
                "no worker is left (none ever joined); waiting up to 60 s for one to join",
                "no worker is left (none ever joined); waiting up to 60 s for one to join"
            ),
            (
                .assigned(pipeline: 3 << 32 | 2, worker: "w1", layers: 0..<4), nil, .info,
                "pipeline 2: w1 takes layers 0 to 3", "pipeline 2: w1 takes layers 0 to 3"
            ),
            (
                .resumed(pipeline: 3 << 32 | 2, worker: "w1", layers: 0..<4), nil, .info,
                "pipeline 2 of this run's life 3: w1 goes on with layers 0 to 3",
                "pipeline 2 of this run's life 3: w1 goes on with layers 0 to 3"
            ),
            (
                .idle(pipeline: 2), nil, .info, "pipeline 2 had work and did nothing: its workers start again",
                "pipeline 2 had work and did nothing: its workers start again"
            ),
            (
                .slow(worker: "w1", pipeline: 2), .slow, .info,
                "w1 holds pipeline 2 up: its layers are shared out anew",
                "w1 holds pipeline 2 up: its layers are shared out anew"
            ),
            (.granted(task: "scoring 3", workers: ["w1", "w2"], pipeline: 2), .granted, .debug, "", "pipeline 2"),
            (
                .copied(task: "scoring 3", workers: ["w1"], late: ["w2", "w3"]), .copied, .info,
                "scoring 3 runs a second time on w1: w2, w3 are late with it", "w2, w3 are late with it"
            ),
            (
                .interrupted(task: "scoring 3", worker: "w1", .lost(worker: "w1", .connectionClosed)), .interrupted,
                .warning, "", "closed its connection"
            ),
            (
                .interrupted(task: "scoring 3", worker: "", .idle(pipeline: 2)), .interrupted, .warning, "",
                "pipeline 2 had work and did nothing"
            ),
            (.takenOver(task: "scoring 3", workers: ["w1"], isFinished: true), .takenOver, .info, "", "finished"),
            (.takenOver(task: "scoring 3", workers: ["w1"], isFinished: false), .takenOver, .info, "", "under way"),
            (.failed(.shutDown), .failed, .error, "", "the fleet was shut down"),
        ] as [(FleetOccurrence, OccurrenceKind?, Severity, String, String)])
    func anOccurrenceHasAWordALevelAndSentences(
        occurrence: FleetOccurrence, kind: OccurrenceKind?, severity: Severity, sentence: String, details: String
    ) {
        #expect(occurrence.kind == kind && occurrence.severity == severity)
        #expect("\(occurrence)" == sentence && occurrence.details == details)
    }

    @Test(
        arguments: [
            (.started(version: "1", pid: 7), .started, .info, "", "faultline 1, process 7"),
            (.ended, .ended, .info, "", ""),
            (.committed(task: "scoring 3", worker: "w1", stage: 0), .committed, .debug, "", "stage 0"),
            (.checkpoint(task: "tuning"), .checkpoint, .info, "", ""),
            (
                .trainingAgain(.lost(worker: "w1", .killed(signal: 9))), nil, .info,
                "fine-tuned weights were lost (w1 was ended by signal 9): fine-tuning again", nil
            ),
            (.processEnded(worker: "w1", .exited(code: 1)), nil, .info, "w1 ended with exit code 1", nil),
            (
                .endedEarly(EarlyEnd(worker: "w1", cause: .killed(signal: 9)), isStartedAgain: true), nil, .info,
                "w1 was ended by signal 9 before the work began; it is started again", nil
            ),
            (
                .endedEarly(EarlyEnd(worker: "w1", cause: .exited(code: 2), lastWords: "no"), isStartedAgain: false),
                nil,
                .info, "w1 ended with exit code 2 before the work began: no; it is not waited for", nil
            ),
            (
                .connectionRefused(.key(reason: "unknown key a… (not in allowed.json)", address: "10.0.0.1")), nil,
                .info,
                "refused a connection: from 10.0.0.1: unknown key a… (not in allowed.json)", nil
            ),
            (
                .connectionRefused(.key(reason: "the key a was revoked on 2020-02-29", address: nil)), nil, .info,
                "refused a connection: the key a was revoked on 2020-02-29", nil
            ),
            (
                .connectionRefused(.unfinishedHandshake), nil, .info,
                "refused a connection: it did not finish its handshake, or sent too much in it", nil
            ),
            (
                .connectionRefused(.usesKeys), nil, .info,
                "refused a connection: it uses keys, and this coordinator runs without --keys", nil
            ),
            (
                .connectionRefused(.usesNoKeys), nil, .info,
                "refused a connection: it uses no keys; a worker of this fleet needs --keys", nil
            ),
            (
                .connectionRefused(.otherServerKey), nil, .info,
                "refused a connection: it holds another server key than this coordinator's: keys of another fleet", nil
            ),
            (.refusalsOmitted(12), nil, .info, "12 more connections were refused", nil),
            (
                .workerRefused(worker: "w1", .otherKey), nil, .info,
                "refused w1: its hello names another key than it holds", nil
            ),
            (.otherVersion("version 9"), nil, .info, "a worker was refused: version 9", nil),
            (
                .plainTCP("tcp://0.0.0.0:9"), nil, .warning,
                "tcp://0.0.0.0:9 is plain TCP: whoever can reach it can join, read along and change results; use --keys in a "
                    + "network that is not yours alone", nil
            ),
            (.allowListReplaced, nil, .info, "allowed.json was read again", nil),
            (
                .allowListOfOtherFleet, nil, .info, "allowed.json is another fleet's now; the list read before stays",
                nil
            ),
            (.allowListUnreadable("a: b"), nil, .info, "a: b; the list read before stays", nil),
            (
                .transferContinued(task: 3, stage: 1, bytes: 99), nil, .info,
                "task 3, stage 1: going on behind 99 bytes that are here", nil
            ),
            (
                .damagedChunk(worker: "w1", task: 3, offset: 99), nil, .info,
                "w1 sent a damaged chunk at byte 99 of task 3; asking again", nil
            ),
            (
                .diskFull(path: "p", error: "No space left on device"), nil, .info,
                "p: the disk is full or read-only (No space left on device); paused until it is not: free some space",
                nil
            ),
            (.diskAgain(path: "p"), nil, .info, "p: the disk takes data again; going on", nil),
            (.pageServed(url: "http://h/"), nil, .info, "status page: http://h/", nil),
            (
                .pageUnencrypted(url: "http://h/"), nil, .warning,
                "http://h/ is plain HTTP: whoever reads the network reads the status and the view token", nil
            ),
            (.wrongToken(peer: "10.0.0.1"), nil, .info, "status page: 10.0.0.1 showed a wrong view token", nil),
        ] as [(RunOccurrence, OccurrenceKind?, Severity, String, String?)])
    func soHasAnOccurrenceOutsideTheStateMachine(
        occurrence: RunOccurrence, kind: OccurrenceKind?, severity: Severity, sentence: String, details: String?
    ) {
        #expect(occurrence.kind == kind && occurrence.severity == severity)
        #expect("\(occurrence)" == sentence && occurrence.details == details ?? sentence)
    }

    @Test(
        arguments: [
            (
                .hostSetAside(host: "h", .deaths(count: 3, tasks: [], last: .killed(signal: 9))),
                "this run has set host h aside: workers died there 3 times with nothing finished, while loading (last: was "
                    + "ended by signal 9); start the coordinator again once that is mended"
            ),
            (
                .hostSetAside(host: "h", .deaths(count: 3, tasks: ["a", "b"], last: .connectionClosed)),
                "this run has set host h aside: workers died there 3 times with nothing finished, under a, b (last: closed "
                    + "its connection); start the coordinator again once that is mended"
            ),
            (
                .hostSetAside(host: "h", .rejected(workers: 3, result)),
                "this run has set host h aside: 3 of its workers sent no result of scoring 3: x is nan; start the "
                    + "coordinator again once that is mended"
            ),
            (
                .leftOut(worker: "w1", result),
                "this run has left w1 out: it sent no result of scoring 3: x is nan; mend its machine, then start the "
                    + "coordinator again"
            ),
            (
                .lowerLevel(fleet: .avx512, worker: .avx2),
                "this fleet runs at kernel level avx512, this machine has only avx2: results would differ in their last "
                    + "bits; run the whole fleet with --level avx2, or give this machine a fleet of its own"
            ),
            (.unfit("another model"), "another model"), (.notAllowed("revoked"), "revoked"),
            (.otherVersion("version 9"), "version 9"), (.otherKey, "its hello names another key than it holds"),
            (.dataOutsideTCP, "its data endpoint is not on TCP"),
        ] as [(Refusal, String)])
    func aRefusalSaysWhyAndWhatToDo(refusal: Refusal, sentence: String) { #expect("\(refusal)" == sentence) }

    @Test(
        arguments: [
            (.noWorkerLeft(last: nil), "no worker is left (none ever joined)"),
            (
                .noWorkerLeft(last: .lost(worker: "w1", .connectionClosed)),
                "no worker is left (w1 closed its connection)"
            ),
            (.cannotLoad(worker: "w1", error: "no such file"), "w1: no such file"),
            (
                .taskFailed(worker: "w1", layers: 2..<4, task: 7, error: "NaN in layer 3"),
                "w1, layers 2 to 3, task 7: NaN in layer 3"
            ),
            (.noPlan("--pipelines 2: with 1 worker choose 1 to 1"), "--pipelines 2: with 1 worker choose 1 to 1"),
            (
                .deadlyTask(
                    "scoring 3", deaths: 3, workers: ["w1 on a", "w2 on b"], last: .slow(worker: "w2", pipeline: 1)),
                "scoring 3 is set aside: workers died under it 3 times (w1 on a, w2 on b; last: w2 holds pipeline 1 up: its "
                    + "layers are shared out anew)"
            ),
            (
                .notDeterministic(task: 1, stage: 0, digest: "0123456789abcdef"),
                "determinism is broken: task 1, stage 0 came twice with different bytes (0123456789ab…)"
            ),
            (.system("no"), "no"), (.shutDown, "the fleet was shut down"),
        ] as [(FleetFailure, String)])
    func aFailureSaysWhereAndWhat(failure: FleetFailure, sentence: String) {
        #expect("\(failure)" == sentence && FleetError(failure).description == sentence)
    }
}
