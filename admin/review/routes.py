"""Every page of the review desk."""

from __future__ import annotations

from litestar import Router

from admin.review import batches, case, filing, notices, papers, programmes, queue, records, roles

ROUTER = Router(
    "/review",
    route_handlers=[
        queue.queue_page,
        queue.search,
        case.case_page,
        case.act,
        case.reveal,
        papers.preview,
        papers.verdict,
        papers.original,
        papers.erasure_list,
        batches.batch_list,
        batches.new_batch,
        batches.draft_batch,
        batches.batch_page,
        batches.set_quota,
        batches.open_batch,
        batches.allocate,
        batches.publish_notice,
        batches.roster,
        notices.notice_list,
        notices.announce,
        notices.notice_page,
        filing.file_page,
        filing.find_worker,
        filing.file_request,
        filing.attach_paper,
        filing.send_paper,
        records.record_list,
        records.find_record,
        records.new_record,
        records.report,
        records.record_page,
        records.verify,
        records.return_,
        records.reveal_number,
        records.settle_claim,
        programmes.programme_list,
        programmes.programme_page,
        programmes.publish,
        programmes.draft,
        roles.role_list,
        roles.grant,
        roles.approve,
        roles.revoke,
    ],
)
