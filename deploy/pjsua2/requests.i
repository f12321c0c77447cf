/* What pjsua2 decides by itself, put to the application instead: appended to PJSIP's pjsua2.i.

   RequestGate is asked about requests outside any dialog, before anything is kept of them: what it
   refuses costs no transaction, so that a flood of them takes no memory. Referral answers a REFER
   inside a dialog, from its onCallTsxState: PJSIP then leaves it alone, where it would call whomever
   the REFER names. */

%feature("director") RequestGate;
%newobject Referral::accept;

%{
#include <pjsip.h>
#include <pjsip_simple.h>
#include <pjsip_ua.h>
#include <pjsua-lib/pjsua.h>
%}

%inline %{

/** A request, and in the other members what is to become of it. */
struct OnRequestParam {
    pj::SipRxData rdata;
    std::string method;
    int statusCode;                 /**< Answered with this; 0: PJSIP goes on with it. */
    std::string reason;             /**< Empty: the usual one. */
    pj::SipHeaderVector headers;    /**< Of that answer. */
    bool hideReplaces;              /**< PJSIP is to take it for an INVITE as any other. */

    OnRequestParam() : statusCode(0), hideReplaces(false) {}
};

/** Asked about requests; at most one at a time is in use, on the thread that polls. */
class RequestGate {
public:
    virtual ~RequestGate() { shut(); }
    /** From now on; the library has been initialized. False: PJSIP would not have it. */
    bool open();
    /** No more. */
    void shut();
    virtual void onRequest(OnRequestParam &prm) { PJ_UNUSED_ARG(prm); }
};

/** A transfer that the other side asked for, and the subscription to its outcome. */
class Referral {
public:
    /** Say 202 to the REFER behind this; NULL: PJSIP would not have it, nothing was said. */
    static Referral *accept(const pj::SipRxData &rdata);
    /** Say something else; with any final status, to any request inside a dialog. */
    static bool refuse(const pj::SipRxData &rdata, int statusCode);
    ~Referral();
    /** Send a NOTIFY; a final status ends the subscription. False: it has ended, or cannot. */
    bool notify(int statusCode, const std::string &reason);
    /** Whether the other side still wants to know. */
    bool isActive() const { return sub != NULL; }

private:
    pjsip_evsub *sub;

    Referral() : sub(NULL) {}
    Referral(const Referral &);
    static void onState(pjsip_evsub *sub, pjsip_event *event);
};

%}

%{

static pj_str_t pj_text(const std::string &text)
{
    pj_str_t view = { (char *)text.data(), (pj_ssize_t)text.size() };
    return view;
}

static RequestGate *open_gate;
static pjsip_module gate_module;
static pjsip_module brief_module;

static bool is_for_gate(const pjsip_rx_data *rdata)
{
    const pjsip_method *method = &rdata->msg_info.msg->line.req.method;
    if (!open_gate || !rdata->msg_info.to || rdata->msg_info.to->tag.slen)
        return false;
    /* Those two belong to a transaction that is there, or to nothing. */
    return method->id != PJSIP_ACK_METHOD && method->id != PJSIP_CANCEL_METHOD;
}

static pj_bool_t answered_by_gate(pjsip_rx_data *rdata, const OnRequestParam &prm)
{
    pj_pool_t *pool = rdata->tp_info.pool;
    pjsip_hdr headers;
    pj_list_init(&headers);
    for (size_t i = 0; i < prm.headers.size(); ++i) {
        pj_str_t name = pj_text(prm.headers[i].hName);
        pj_str_t value = pj_text(prm.headers[i].hValue);
        pj_list_push_back(&headers, pjsip_generic_string_hdr_create(pool, &name, &value));
    }
    pj_str_t reason = pj_text(prm.reason);
    pjsip_endpt_respond_stateless(pjsua_get_pjsip_endpt(), rdata, prm.statusCode,
                                  reason.slen ? &reason : NULL, &headers, NULL);
    return PJ_TRUE;
}

static pj_bool_t gate_on_rx_request(pjsip_rx_data *rdata)
{
    const pj_str_t REPLACES = { (char *)"Replaces", 8 };
    pjsip_msg *msg = rdata->msg_info.msg;
    pjsip_hdr *replaces = (pjsip_hdr *)pjsip_msg_find_hdr_by_name(msg, &REPLACES, NULL);
    if (!is_for_gate(rdata))
        return PJ_FALSE;
    OnRequestParam prm;
    prm.rdata.fromPj(*rdata);
    const pj_str_t &method = msg->line.req.method.name;
    prm.method.assign(method.ptr, method.slen);
    open_gate->onRequest(prm);
    if (prm.statusCode >= 200 && prm.statusCode <= 699)
        return answered_by_gate(rdata, prm);
    while (replaces && prm.hideReplaces) {
        pj_list_erase(replaces);
        replaces = (pjsip_hdr *)pjsip_msg_find_hdr_by_name(msg, &REPLACES, NULL);
    }
    return PJ_FALSE;
}

/* To a 423 PJSIP answers at once with a REGISTER for what Min-Expires says, as often as that grows.
   In steps up to a day it ends after a few, and the application hears of it. */
static pj_bool_t brief_on_rx_response(pjsip_rx_data *rdata)
{
    static const unsigned STEPS[] = { 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400 };
    const int LAST = sizeof(STEPS) / sizeof(STEPS[0]) - 1;
    pjsip_msg *msg = rdata->msg_info.msg;
    if (msg->line.status.code != PJSIP_SC_INTERVAL_TOO_BRIEF)
        return PJ_FALSE;
    pjsip_min_expires_hdr *least =
        (pjsip_min_expires_hdr *)pjsip_msg_find_hdr(msg, PJSIP_H_MIN_EXPIRES, NULL);
    int step = 0;
    while (least && step < LAST && STEPS[step] < (unsigned)least->ivalue)
        ++step;
    if (least)
        least->ivalue = STEPS[step];
    return PJ_FALSE;
}

bool RequestGate::open()
{
    pj_bzero(&brief_module, sizeof(brief_module));
    brief_module.name = pj_str((char *)"mod-interval-too-brief");
    brief_module.id = -1;
    brief_module.priority = PJSIP_MOD_PRIORITY_TSX_LAYER - 1;  /* which takes all responses */
    brief_module.on_rx_response = &brief_on_rx_response;
    if (pjsip_endpt_register_module(pjsua_get_pjsip_endpt(), &brief_module) != PJ_SUCCESS)
        return false;
    /* Afresh for each endpoint: a module keeps the number that the last one gave it. */
    pj_bzero(&gate_module, sizeof(gate_module));
    gate_module.name = pj_str((char *)"mod-request-gate");
    gate_module.id = -1;
    /* Repetitions have been answered by their transaction; no dialog has seen it yet. */
    gate_module.priority = PJSIP_MOD_PRIORITY_UA_PROXY_LAYER - 1;
    gate_module.on_rx_request = &gate_on_rx_request;
    open_gate = this;
    return pjsip_endpt_register_module(pjsua_get_pjsip_endpt(), &gate_module) == PJ_SUCCESS;
}

void RequestGate::shut()
{
    if (open_gate == this)
        open_gate = NULL;
}

Referral *Referral::accept(const pj::SipRxData &data)
{
    pjsip_rx_data *rdata = (pjsip_rx_data *)data.pjRxData;
    pjsip_dialog *dialog = rdata ? pjsip_rdata_get_dlg(rdata) : NULL;
    if (!dialog || !open_gate)
        return NULL;
    pjsip_evsub_user callbacks;
    pj_bzero(&callbacks, sizeof(callbacks));
    callbacks.on_evsub_state = &Referral::onState;
    pjsip_hdr none;
    pj_list_init(&none);
    pjsip_evsub *sub;
    if (pjsip_xfer_create_uas(dialog, &callbacks, rdata, &sub) != PJ_SUCCESS)
        return NULL;
    Referral *referral = new Referral();
    referral->sub = sub;
    pjsip_evsub_set_mod_data(sub, gate_module.id, referral);
    if (pjsip_xfer_accept(sub, rdata, PJSIP_SC_ACCEPTED, &none) != PJ_SUCCESS) {
        delete referral;
        return NULL;
    }
    return referral;
}

bool Referral::refuse(const pj::SipRxData &data, int statusCode)
{
    pjsip_rx_data *rdata = (pjsip_rx_data *)data.pjRxData;
    pjsip_dialog *dialog = rdata ? pjsip_rdata_get_dlg(rdata) : NULL;
    return dialog && pjsip_dlg_respond(dialog, rdata, statusCode, NULL, NULL, NULL) == PJ_SUCCESS;
}

Referral::~Referral()
{
    if (!sub)
        return;
    pjsip_evsub_set_mod_data(sub, gate_module.id, NULL);
    pjsip_evsub_terminate(sub, PJ_FALSE);  /* else the dialog would wait for its end */
}

bool Referral::notify(int statusCode, const std::string &reason)
{
    if (!sub)
        return false;
    pjsip_evsub_state state = statusCode >= 200 ? PJSIP_EVSUB_STATE_TERMINATED
                                                : PJSIP_EVSUB_STATE_ACTIVE;
    std::string brief = reason.substr(0, 80);  /* PJSIP has 128 bytes for the whole line */
    pj_str_t text = pj_text(brief);
    pjsip_tx_data *tdata;
    if (pjsip_xfer_notify(sub, state, statusCode, text.slen ? &text : NULL, &tdata) != PJ_SUCCESS)
        return false;
    return pjsip_xfer_send_request(sub, tdata) == PJ_SUCCESS;
}

void Referral::onState(pjsip_evsub *sub, pjsip_event *)
{
    Referral *referral = (Referral *)pjsip_evsub_get_mod_data(sub, gate_module.id);
    if (referral && pjsip_evsub_get_state(sub) == PJSIP_EVSUB_STATE_TERMINATED)
        referral->sub = NULL;
}

%}
